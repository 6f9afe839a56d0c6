// edgetp status, stop, watch: what runs on a cluster.
#include <cstdio>
#include <memory>

#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "cli/job.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "cli/report_tables.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

struct Flags {
  ServerFlags server;
  std::string run;
  OutputFormat format = OutputFormat::kTable;
};

ExitCode ShowStatus(const Flags& flags) {
  auto remote = Remote::Open(flags.server);
  if (!remote.ok()) return Report(remote.status());
  const auto status = remote->GetStatus();
  if (!status.ok()) return Report(status.status());
  PrintResult(flags.format, *status, StatusTable(*status));
  return kExitDone;
}

ExitCode StopRun(const Flags& flags) {
  auto remote = Remote::Open(flags.server);
  if (!remote.ok()) return Report(remote.status());
  const absl::Status status = remote->Stop(flags.run);
  if (!status.ok()) return Report(status);
  absl::FPrintF(stderr, "stopped %s\n", flags.run);
  return kExitDone;
}

// The run that is to be watched: the one that was named, else the one that is running.
absl::StatusOr<v1::StatusResponse::Run> FindRun(Remote& remote, const std::string& name) {
  ASSIGN_OR_RETURN(const v1::StatusResponse status, remote.GetStatus());
  for (const auto& run : status.runs()) {
    if (name.empty() ? run.state() == "running" || run.state() == "preparing" : run.run() == name)
      return run;
  }
  return absl::NotFoundError(name.empty() ? "watch: no run is running"
                                          : "watch: no run is called " + name);
}

ExitCode WatchRun(const Flags& flags) {
  auto remote = Remote::Open(flags.server);
  if (!remote.ok()) return Report(remote.status());
  const auto run = FindRun(*remote, flags.run);
  if (!run.ok()) return Report(run.status());
  JobOutcome outcome;
  {
    v1::TrainConfig train;
    train.set_steps(run->steps());
    Progress progress(run->run() + ": ", train);
    outcome = WatchJob(*remote, run->run(), /*cluster=*/nullptr, /*stop_on_signal=*/false,
                       [&](const v1::RunEvent& event) { progress.Show(event); });
  }
  if (outcome.summary.has_value())
    PrintResult(flags.format, *outcome.summary, TrainTable(*outcome.summary));
  if (!outcome.status.ok()) Report(outcome.status);
  return ExitCodeOf(outcome);
}

void Add(CLI::App& app, const char* name, const char* text, const char* examples,
         const char* run_text, ExitCode (*run)(const Flags&), Command* command) {
  auto flags = std::make_shared<Flags>();
  CLI::App* sub = app.add_subcommand(name, text);
  AddServerFlag(sub, &flags->server);
  if (run_text != nullptr) sub->add_option("run", flags->run, run_text);
  AddFormatFlag(sub, &flags->format);
  sub->footer(examples);
  sub->callback([flags, run, command] { *command = [flags, run] { return run(*flags); }; });
}

}  // namespace

void AddStatus(CLI::App& app, Command* command) {
  Add(app, "status", "Workers and runs of a running cluster",
      "Example:\n  edgetp status --server=127.0.0.1:50051 --format=json", nullptr, &ShowStatus,
      command);
}

void AddWatch(CLI::App& app, Command* command) {
  Add(app, "watch", "Follow a run of a running cluster; Ctrl-C ends the watching, not the run",
      "Example:\n  edgetp watch minigpt-sppp --server=127.0.0.1:50051",
      "name of the run; default: the one that runs", &WatchRun, command);
}

void AddStop(CLI::App& app, Command* command) {
  Add(app, "stop", "End a queued or running run of a running cluster",
      "Example:\n  edgetp stop minigpt-sppp --server=127.0.0.1:50051", "name of the run", &StopRun,
      command);
  app.get_subcommand("stop")->get_option("run")->required();
}

}  // namespace edgetp
