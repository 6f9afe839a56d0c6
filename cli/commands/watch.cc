// edgetp watch: follows a run of a running cluster.
#include <memory>
#include <string>

#include "cli/shared/command.h"
#include "cli/shared/job.h"
#include "cli/shared/progress.h"
#include "cli/shared/remote.h"
#include "cli/shared/report_tables.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

struct WatchFlags {
  ServerFlags server;
  std::string run;
  OutputFormat format = OutputFormat::kTable;
};

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

ExitCode Run(const WatchFlags& flags) {
  auto remote = Remote::Open(flags.server);
  if (!remote.ok()) return Report(remote.status());
  const auto run = FindRun(*remote, flags.run);
  if (!run.ok()) return Report(run.status());
  JobOutcome outcome;
  {
    v1::RunConfig config;
    config.mutable_train()->set_steps(run->steps());
    Progress progress(run->run() + ": ", config);
    outcome = WatchJob(*remote, run->run(), /*cluster=*/nullptr, /*stop_on_signal=*/false,
                       [&](const v1::RunEvent& event) { progress.Show(event); });
  }
  // Sampling has a result, too, which is for whoever asked for it.
  if (outcome.summary.has_value() && !outcome.result.has_value())
    PrintResult(flags.format, *outcome.summary, TrainTable(*outcome.summary));
  if (!outcome.status.ok()) Report(outcome.status);
  return ExitCodeOf(outcome);
}

}  // namespace

void AddWatch(CLI::App& app, Command* command) {
  auto flags = std::make_shared<WatchFlags>();
  CLI::App* watch = app.add_subcommand(
      "watch", "Follow a run of a running cluster; Ctrl-C ends the watching, not the run");
  AddServerFlag(watch, &flags->server);
  watch->add_option("run", flags->run, "name of the run; default: the one that runs");
  AddFormatFlag(watch, &flags->format);
  watch->footer("Example:\n  edgetp watch minigpt-sppp --server=127.0.0.1:50051");
  watch->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
