#include "cli/cluster.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

constexpr char kGroup[] = "Cluster";

std::string CheckDevice(const std::string& device) {
  const bool cuda = device.rfind("cuda:", 0) == 0 && device.size() > 5 &&
                    device.find_first_not_of("0123456789", 5) == std::string::npos;
  return device == "cpu" || cuda ? "" : absl::StrCat("\"", device, "\" is neither cpu nor cuda:N");
}

absl::Status DemandWorkers(Remote& remote, int workers) {
  ASSIGN_OR_RETURN(const v1::StatusResponse status, remote.GetStatus());
  int present = 0;
  for (const auto& worker : status.workers()) present += worker.state() == "gone" ? 0 : 1;
  if (present >= workers) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--workers: the cluster at ", remote.address(),
                                                 " has ", present, " workers (asked=", workers,
                                                 ")"));
}

}  // namespace

std::vector<CLI::Option*> AddLocalFlags(CLI::App* command, LauncherOptions* options) {
  CLI::Option* device =
      command->add_option("--device", options->device, "cpu or cuda:N, of every local worker")
          ->check(CLI::Validator([](std::string& name) { return CheckDevice(name); }, ""));
  CLI::Option* threads =
      command->add_option("--threads", options->threads, "computing threads of every local worker")
          ->check(CLI::Range(1, 1024));
  CLI::Option* runs =
      command->add_option("--runs", options->runs_directory, "where run directories are kept");
  CLI::Option* level =
      command->add_option("--log_level", options->log_level, "of local server and workers")
          ->check(OneOf({"trace", "debug", "info", "warn", "error", "off"}));
  for (CLI::Option* option : {device, threads, runs, level})
    option->capture_default_str()->group(kGroup);
  return {device, threads, level};
}

void AddClusterFlags(CLI::App* command, ClusterFlags* flags) {
  CLI::Option* server = command
                            ->add_option("--server", flags->server,
                                         "HOST:PORT of a running cluster; default: start one here")
                            ->group(kGroup);
  for (CLI::Option* option : AddLocalFlags(command, &flags->local)) option->excludes(server);
}

absl::StatusOr<Cluster> Cluster::Open(const ClusterFlags& flags, int workers) {
  Cluster cluster;
  if (!flags.server.empty()) {
    cluster.remote_ = std::make_unique<Remote>(flags.server);
    RETURN_IF_ERROR(DemandWorkers(*cluster.remote_, workers));
    return cluster;
  }
  LauncherOptions options = flags.local;
  options.workers = workers;
  ASSIGN_OR_RETURN(cluster.local_, LocalCluster::Start(options));
  cluster.remote_ = std::make_unique<Remote>(cluster.local_->address());
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
