// edgetp up: a local cluster that stays until Ctrl-C.
#include <memory>
#include <optional>

#include "absl/strings/str_format.h"
#include "cli/shared/cluster.h"
#include "cli/shared/command.h"
#include "cli/shared/report_tables.h"
#include "cli/shared/run_options.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/rpc/security_flags.h"
#include "common/rpc/signals.h"

namespace edgetp {
namespace {

constexpr char kUpExamples[] = R"(Examples:
  edgetp up --workers=4
  edgetp up --workers=4 --network=wifi-5 --page=127.0.0.1:8080 --allow_tuning
  edgetp up --workers=2 --listen=127.0.0.1:0 --runs=/tmp/runs
  edgetp up --workers=2 --token_file=token
  edgetp up --workers=2 --listen=0.0.0.0:50051 --tls_ca=ca.crt --tls_cert=local.crt --tls_key=local.key
Then, in another terminal: edgetp train --server=HOST:PORT ..., edgetp status, edgetp watch, edgetp network set lte)";

constexpr absl::Duration kJoinLimit = absl::Seconds(30);
constexpr absl::Duration kCheckInterval = absl::Milliseconds(200);

struct UpFlags {
  LauncherOptions launcher;
  RunFlags run;  // its network
  OutputFormat format = OutputFormat::kTable;
};

// Blocks until: all workers have joined, a process has ended, a shutdown signal, or the limit.
absl::StatusOr<v1::StatusResponse> AwaitWorkers(LocalCluster& cluster, int workers) {
  Remote remote(cluster.address(), cluster.security());
  const absl::Time deadline = MonotonicNow() + kJoinLimit;
  while (true) {
    ASSIGN_OR_RETURN(v1::StatusResponse status, remote.GetStatus());
    if (status.workers_size() >= workers) return status;
    RETURN_IF_ERROR(cluster.Check());
    if (MonotonicNow() > deadline) {
      return absl::DeadlineExceededError(
          absl::StrFormat("up: workers did not join (joined=%d asked=%d waited_s=%d; logs: %s)",
                          status.workers_size(), workers, absl::ToInt64Seconds(kJoinLimit),
                          cluster.log_directory()));
    }
    if (WaitForShutdownSignal(kCheckInterval) != 0) return absl::CancelledError("interrupted");
  }
}

// Blocks until: a shutdown signal (OK), or the server has ended, or workers do so again and again.
// One that ends is replaced.
absl::Status Keep(LocalCluster& cluster) {
  while (WaitForShutdownSignal(kCheckInterval) == 0) {
    ASSIGN_OR_RETURN(const std::vector<std::string> replaced, cluster.ReplaceDeadWorkers());
    for (const std::string& text : replaced) absl::FPrintF(stderr, "edgetp: %s\n", text);
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::StatusResponse> Prepare(LocalCluster& cluster, int workers,
                                           const std::optional<v1::NetworkProfile>& network) {
  if (network.has_value()) {
    v1::SetNetworkRequest request;
    *request.mutable_network() = *network;
    RETURN_IF_ERROR(Remote(cluster.address(), cluster.security()).SetNetwork(request).status());
  }
  return AwaitWorkers(cluster, workers);
}

// Before the server says the same in its log.
absl::Status CheckAddresses(const LauncherOptions& options) {
  ASSIGN_OR_RETURN(const Security security, Security::Load(options.security, Role::kServer));
  RETURN_IF_ERROR(Security::Load(options.security, Role::kWorker).status());
  RETURN_IF_ERROR(security.CheckListen("--listen", options.listen));
  RETURN_IF_ERROR(security.CheckMetrics(options.metrics));
  return options.page == "off" ? absl::OkStatus() : security.CheckPage(options.page);
}

ExitCode Run(const UpFlags& flags) {
  const auto network = ResolveNetworkFlags(flags.run, flags.launcher.workers);
  if (!network.ok()) return Report(network.status());
  if (const absl::Status allowed = CheckAddresses(flags.launcher); !allowed.ok())
    return Report(allowed);
  auto cluster = LocalCluster::Start(flags.launcher);
  if (!cluster.ok()) return Report(cluster.status());
  const auto status = Prepare(**cluster, flags.launcher.workers, *network);
  if (status.ok()) {
    PrintResult(flags.format, *status, StatusTable(*status));
    absl::FPrintF(stderr, "\nServer: %s   logs: %s   Ctrl-C ends it all.\n", (*cluster)->address(),
                  (*cluster)->log_directory());
  }
  const absl::Status end = status.ok() ? Keep(**cluster) : status.status();
  if (end.ok()) return kExitDone;
  if (!absl::IsCancelled(end)) (*cluster)->KeepLogs();
  return Report(end);
}

}  // namespace

void AddUp(CLI::App& app, Command* command) {
  auto flags = std::make_shared<UpFlags>();
  flags->launcher.listen = "127.0.0.1:50051";
  flags->launcher.page = "127.0.0.1:0";
  flags->launcher.stays = true;
  CLI::App* up =
      app.add_subcommand("up", "Start a cluster on this machine that stays until Ctrl-C");
  LauncherOptions* options = &flags->launcher;
  up->add_option("--workers", options->workers, "number of workers")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  up->add_option("--listen", options->listen, "HOST:PORT of the server; port 0 takes a free one")
      ->capture_default_str();
  up->add_option("--metrics", options->metrics, "HOST:PORT of the server's Prometheus endpoint")
      ->capture_default_str();
  up->add_option("--page", options->page,
                 "HOST:PORT of the live page; port 0 takes a free one; off: no page")
      ->capture_default_str();
  up->add_option("--page_host", options->page_hosts,
                 "a name by which browsers may call the page, besides IP addresses and localhost");
  up->add_flag("--allow_tuning", options->allow_tuning,
               "the page has a form that changes the network of the running job");
  AddSecurityFlags(up, Role::kServer, &options->security);
  AddNetworkFlag(up, &flags->run);
  up->add_option("--config_path", flags->run.config_path,
                 "folders to search for presets, separated by ':'");
  AddLocalFlags(up, options);
  AddFormatFlag(up, &flags->format);
  up->footer(kUpExamples);
  up->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
