// edgetp watch: follows a run of a running cluster. On a terminal as a screen that is drawn over,
// elsewhere as lines.
#include <grpcpp/client_context.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/shared/command.h"
#include "cli/shared/job.h"
#include "cli/shared/progress.h"
#include "cli/shared/remote.h"
#include "cli/shared/report_tables.h"
#include "cli/shared/run_screen.h"
#include "cli/shared/terminal.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/rpc/deadline.h"
#include "common/rpc/run_state.h"

namespace edgetp {
namespace {

constexpr char kWatchExamples[] = R"(Examples:
  edgetp watch --server=127.0.0.1:50051
  edgetp watch minigpt-sppp --once
On a terminal it draws over itself, without colours if $NO_COLOR is set. Elsewhere it prints lines.)";

constexpr absl::Duration kScreenInterval = absl::Milliseconds(200);
// What the server has to send what it knows of a run; a run that says nothing new ends this.
constexpr absl::Duration kOnceLimit = absl::Seconds(3);
constexpr int kMaxWidth = 100;

struct WatchFlags {
  ServerFlags server;
  std::string run;
  bool once = false;
  OutputFormat format = OutputFormat::kTable;
};

// The run that is to be watched: the one that was named, else the one that is running.
absl::StatusOr<v1::StatusResponse::Run> FindRun(Remote& remote, const std::string& name) {
  ASSIGN_OR_RETURN(const v1::StatusResponse status, remote.GetStatus());
  for (const auto& run : status.runs()) {
    if (name.empty() ? HasWorkers(run.state()) : run.run() == name) return run;
  }
  return absl::NotFoundError(name.empty() ? "watch: no run is running"
                                          : "watch: no run is called " + name);
}

ScreenStyle StyleOf(int descriptor) {
  return {.width = std::min(TerminalWidth(descriptor), kMaxWidth),
          .color = WantsColor(descriptor),
          .unicode = HasUnicode()};
}

v1::RunConfig ConfigOf(const v1::StatusResponse::Run& run) {
  v1::RunConfig config;
  config.mutable_train()->set_steps(run.steps());
  return config;
}

// The network belongs to the run only while that has the workers.
void FillNetwork(Remote& remote, RunScreen* screen) {
  if (!HasWorkers(screen->run().state())) return;
  const auto network = remote.GetNetwork();  // without it the screen has no links
  if (network.ok()) screen->SetNetwork(*network);
}

// Draws over itself on stderr. What it has drawn last stays.
class LiveScreen {
 public:
  explicit LiveScreen(const RunScreen* screen) : screen_(screen) {}

  void Draw(std::optional<double> seconds_left, bool now) {
    if (!now && MonotonicNow() < next_) return;
    next_ = MonotonicNow() + kScreenInterval;
    std::vector<std::string> lines = screen_->Render(StyleOf(STDERR_FILENO), seconds_left);
    // What has left the screen cannot be drawn over.
    const auto height = static_cast<size_t>(TerminalHeight(STDERR_FILENO) - 1);
    if (lines.size() > height) lines.resize(height);
    std::string text = drawn_ > 0 ? absl::StrCat("\033[", drawn_, "A\r") : "";
    for (const std::string& line : lines) absl::StrAppend(&text, "\033[K", line, "\n");
    absl::FPrintF(stderr, "%s\033[J", text);
    fflush(stderr);
    drawn_ = lines.size();
  }

 private:
  const RunScreen* const screen_;
  size_t drawn_ = 0;  // lines
  absl::Time next_ = absl::InfinitePast();
};

JobOutcome FollowOnScreen(Remote& remote, const v1::StatusResponse::Run& run) {
  RunScreen screen(run);
  FillNetwork(remote, &screen);
  LiveScreen live(&screen);
  RunEta eta(ConfigOf(run).train());
  JobOutcome outcome = WatchJob(remote, run.run(), /*cluster=*/nullptr, /*stop_on_signal=*/false,
                                [&](const v1::RunEvent& event) {
                                  if (event.has_step()) eta.Add(event.step());
                                  screen.Add(event);
                                  live.Draw(eta.Seconds(), /*now=*/false);
                                });
  live.Draw(eta.Seconds(), /*now=*/true);
  return outcome;
}

JobOutcome FollowInLines(Remote& remote, const v1::StatusResponse::Run& run) {
  Progress progress(run.run() + ": ", ConfigOf(run));
  return WatchJob(remote, run.run(), /*cluster=*/nullptr, /*stop_on_signal=*/false,
                  [&](const v1::RunEvent& event) { progress.Show(event); });
}

// Whether the event is the last one that the server knew when it was asked for `run`.
bool IsCaughtUp(const v1::StatusResponse::Run& run, const v1::RunEvent& event) {
  if (run.step() == 0) return event.has_phase() && event.phase().name() == v1::Phase::NAME_RUNNING;
  return event.has_step() && event.step().step() >= run.step();
}

ExitCode ShowOnce(Remote& remote, const v1::StatusResponse::Run& run, OutputFormat format) {
  RunScreen screen(run);
  RunEta eta(ConfigOf(run).train());
  grpc::ClientContext context;
  context.set_deadline(GrpcDeadline(MonotonicNow() + kOnceLimit));
  v1::WatchRequest request;
  request.set_run(run.run());
  auto reader = remote.control()->Watch(&context, request);
  v1::RunEvent event;
  while (reader->Read(&event)) {
    if (event.has_step()) eta.Add(event.step());
    screen.Add(event);
    if (HasWorkers(run.state()) && IsCaughtUp(run, event)) break;
  }
  context.TryCancel();
  (void)reader->Finish();  // cancelled, or over
  FillNetwork(remote, &screen);
  if (format == OutputFormat::kTable) {
    Print(absl::StrJoin(screen.Render(StyleOf(STDOUT_FILENO), eta.Seconds()), "\n") + "\n");
    return kExitDone;
  }
  nlohmann::json document = {{"run", nlohmann::json::parse(ToJson(screen.run()))}};
  if (screen.last_step().has_value())
    document["last_step"] = nlohmann::json::parse(ToJson(*screen.last_step()));
  Print(document.dump(1) + "\n");
  return kExitDone;
}

ExitCode Run(const WatchFlags& flags) {
  auto remote = Remote::Open(flags.server);
  if (!remote.ok()) return Report(remote.status());
  const auto run = FindRun(*remote, flags.run);
  if (!run.ok()) return Report(run.status());
  if (flags.once) return ShowOnce(*remote, *run, flags.format);
  const JobOutcome outcome =
      CanRedraw(STDERR_FILENO) ? FollowOnScreen(*remote, *run) : FollowInLines(*remote, *run);
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
  watch->add_flag("--once", flags->once, "show how it is now, and end");
  AddFormatFlag(watch, &flags->format);
  watch->footer(kWatchExamples);
  watch->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
