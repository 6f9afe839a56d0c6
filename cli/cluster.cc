#include "cli/cluster.h"

#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/rpc/security_flags.h"
#include "common/rpc/signals.h"

namespace edgetp {
namespace {

constexpr char kGroup[] = "Cluster";
constexpr absl::Duration kWorkerPoll = absl::Milliseconds(250);

// What a worker computes on, as opposed to the name of a device profile.
bool IsHardware(const std::string& device) {
  const bool cuda = device.rfind("cuda:", 0) == 0 && device.size() > 5 &&
                    device.find_first_not_of("0123456789", 5) == std::string::npos;
  return device == "cpu" || cuda;
}

CLI::Option* AddHardwareFlag(CLI::App* command, LauncherOptions* options) {
  const auto check = [](const std::string& name) {
    return IsHardware(name) ? "" : absl::StrCat("\"", name, "\" is neither cpu nor cuda:N");
  };
  return command->add_option("--device", options->device, "cpu or cuda:N, of every local worker")
      ->check(CLI::Validator([check](std::string& name) { return check(name); }, ""))
      ->capture_default_str()
      ->group(kGroup);
}

// --threads --runs --log_level. Returns the options that mean nothing to a running cluster.
std::vector<CLI::Option*> AddProcessFlags(CLI::App* command, LauncherOptions* options) {
  CLI::Option* threads =
      command->add_option("--threads", options->threads, "computing threads of every local worker")
          ->check(CLI::Range(1, 1024));
  CLI::Option* runs =
      command->add_option("--runs", options->runs_directory, "where run directories are kept");
  CLI::Option* level =
      command->add_option("--log_level", options->log_level, "of local server and workers")
          ->check(OneOf({"trace", "debug", "info", "warn", "error", "off"}));
  for (CLI::Option* option : {threads, runs, level}) option->capture_default_str()->group(kGroup);
  return {threads, level};
}

CLI::Option* AddServerFlags(CLI::App* command, ClusterFlags* flags) {
  CLI::Option* server = command
                            ->add_option("--server", flags->server.address,
                                         "HOST:PORT of a running cluster; default: start one here")
                            ->envname("EDGETP_SERVER")
                            ->group(kGroup);
  command
      ->add_option("--worker_wait_seconds", flags->worker_wait_seconds,
                   "how long to wait for the workers of a running cluster to join")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str()
      ->group(kGroup);
  AddSecurityFlags(command, Role::kClient, &flags->server.security);
  return server;
}

absl::StatusOr<int> CountWorkers(Remote& remote) {
  ASSIGN_OR_RETURN(const v1::StatusResponse status, remote.GetStatus());
  int present = 0;
  for (const auto& worker : status.workers()) present += worker.state() == "gone" ? 0 : 1;
  return present;
}

// Blocks until: that many workers have joined, or `wait`.
absl::Status AwaitWorkers(Remote& remote, int wanted, absl::Duration wait) {
  const absl::Time limit = MonotonicNow() + wait;
  int announced = -1;
  while (true) {
    ASSIGN_OR_RETURN(const int present, CountWorkers(remote));
    if (present >= wanted) return absl::OkStatus();
    if (MonotonicNow() >= limit) {
      return absl::InvalidArgumentError(
          absl::StrCat("--workers: the cluster at ", remote.address(), " has ", present, " of ",
                       wanted, " workers (waited=", absl::FormatDuration(wait), ")"));
    }
    if (present != announced) {
      absl::FPrintF(stderr, "edgetp: waiting for workers: %d of %d have joined %s\n", present,
                    wanted, remote.address());
      announced = present;
    }
    if (WaitForShutdownSignal(kWorkerPoll) != 0) return absl::CancelledError("interrupted");
  }
}

}  // namespace

std::vector<CLI::Option*> AddLocalFlags(CLI::App* command, LauncherOptions* options) {
  std::vector<CLI::Option*> added = {AddHardwareFlag(command, options)};
  for (CLI::Option* option : AddProcessFlags(command, options)) added.push_back(option);
  return added;
}

void AddClusterFlags(CLI::App* command, ClusterFlags* flags) {
  CLI::Option* server = AddServerFlags(command, flags);
  for (CLI::Option* option : AddLocalFlags(command, &flags->local)) option->excludes(server);
}

void AddPacedClusterFlags(CLI::App* command, ClusterFlags* flags,
                          std::optional<std::string>* profile) {
  CLI::Option* server = AddServerFlags(command, flags);
  for (CLI::Option* option : AddProcessFlags(command, &flags->local)) option->excludes(server);
  const auto take = [=](const std::vector<std::string>& names) {
    bool hardware = false;
    for (const std::string& name : names) {
      const bool again = IsHardware(name) ? std::exchange(hardware, true) : profile->has_value();
      if (again) throw CLI::ValidationError("--device", "one cpu or cuda:N, and one profile");
      if (!IsHardware(name)) {
        *profile = name;
        continue;
      }
      if (server->count() > 0) throw CLI::ExcludesError("--device=" + name, "--server");
      flags->local.device = name;
    }
  };
  command
      ->add_option_function<std::vector<std::string>>(
          "--device", take,
          "device to imitate: a profile (configs/devices) or file, or a mixture "
          "NAME*RANKS+NAME*RANKS; or the hardware of local workers: cpu (default) or cuda:N; or "
          "both, separated by ','")
      ->delimiter(',')
      ->group(kGroup);
}

absl::StatusOr<Cluster> Cluster::Open(const ClusterFlags& flags, int workers) {
  Cluster cluster;
  if (!flags.server.address.empty()) {
    ASSIGN_OR_RETURN(Remote remote, Remote::Open(flags.server));
    cluster.remote_ = std::make_unique<Remote>(std::move(remote));
    RETURN_IF_ERROR(
        AwaitWorkers(*cluster.remote_, workers, absl::Seconds(flags.worker_wait_seconds)));
    return cluster;
  }
  LauncherOptions options = flags.local;
  options.workers = workers;
  options.private_token = true;
  ASSIGN_OR_RETURN(cluster.local_, LocalCluster::Start(options));
  cluster.remote_ = std::make_unique<Remote>(cluster.local_->address(), cluster.local_->security());
  return cluster;
}

void Cluster::KeepLogs() {
  if (local_ == nullptr) return;
  local_->KeepLogs();
  absl::FPrintF(stderr, "edgetp: logs of server and workers: %s\n", local_->log_directory());
}

ExitCode ReportFailure(const JobOutcome& outcome, Cluster& cluster) {
  Report(outcome.status);
  const ExitCode code = ExitCodeOf(outcome);
  if (code == kExitRunFailed) cluster.KeepLogs();
  return code;
}

}  // namespace edgetp
