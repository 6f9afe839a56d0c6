#include "cli/shared/cluster.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/shared/command.h"
#include "cli/shared/preset_values.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/config/hardware.h"
#include "common/rpc/security_flags.h"
#include "common/rpc/signals.h"

namespace edgetp {
namespace {

constexpr char kGroup[] = "Cluster";
constexpr absl::Duration kWorkerPoll = absl::Milliseconds(250);

// Ranks that compute on different kinds do not stay alike: CPU and GPU in one list cannot work.
std::string CheckHardware(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (!IsHardware(word))
      return absl::StrCat("\"", word, "\" is none of cpu, cuda, cuda:N and cuda:*");
  }
  const auto is_cpu = [](const std::string& word) { return word == "cpu"; };
  const auto cpus = std::count_if(words.begin(), words.end(), is_cpu);
  if (cpus == 0 || cpus == static_cast<std::ptrdiff_t>(words.size())) return "";
  return "ranks on CPU and GPU would not keep the same bits: take one kind";
}

bool LooksLikeHardware(const std::string& name) {
  const bool is_path = absl::StrContains(name, '/') || absl::StrContains(name, '.');
  return !is_path && (absl::StartsWith(name, "cuda") || name == "gpu");
}

CLI::Option* AddHardwareFlag(CLI::App* command, LauncherOptions* options) {
  const auto check = [](const std::string& list) {
    return CheckHardware(absl::StrSplit(list, ','));
  };
  return command
      ->add_option(
          "--device", options->device,
          "what local workers compute on: cpu, cuda:N, cuda (the first GPU), cuda:* (all); "
          "several, separated by ',', are dealt out in turns")
      ->check(CLI::Validator([check](std::string& list) { return check(list); }, ""))
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
    std::vector<std::string> hardware;
    for (const std::string& name : names) {
      // "cuda0" and "cuda:a" are meant as hardware, too: CheckHardware says what is understood.
      if (IsHardware(name) || LooksLikeHardware(name)) {
        hardware.push_back(name);
      } else if (profile->has_value()) {
        throw CLI::ValidationError(
            "--device", absl::StrCat("one device profile (got ", **profile, " and ", name,
                                     "); of several kinds: NAME*RANKS+NAME*RANKS"));
      } else {
        *profile = name;
      }
    }
    if (hardware.empty()) return;
    if (const std::string fault = CheckHardware(hardware); !fault.empty())
      throw CLI::ValidationError("--device", fault);
    const std::string list = absl::StrJoin(hardware, ",");
    if (server->count() > 0) throw CLI::ExcludesError("--device=" + list, "--server");
    flags->local.device = list;
  };
  command
      ->add_option_function<std::vector<std::string>>(
          "--device", take,
          "device to imitate: a profile (configs/devices) or file, or a mixture "
          "NAME*RANKS+NAME*RANKS; or the hardware of local workers: cpu (default), cuda:N, cuda "
          "(the first GPU) or cuda:* (all), in turns; or both, separated by ','")
      ->type_name(kDeviceValue)
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
