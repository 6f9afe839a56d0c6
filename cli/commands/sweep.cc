// edgetp sweep: patterns x networks x world sizes, one run each, on one cluster; then the table
// that compares them.
#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/command.h"
#include "cli/shared/format.h"
#include "cli/shared/preset_values.h"
#include "cli/shared/report_file.h"
#include "cli/shared/report_tables.h"
#include "cli/shared/slow_network.h"
#include "cli/shared/train_job.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/rpc/signals.h"

namespace edgetp {
namespace {

constexpr char kSweepExamples[] = R"(Examples:
  edgetp sweep --patterns=tttt,ssss,sppp,pppp --networks=ethernet-1g,wifi-5,lte --steps=200 --report=sweep.html
  edgetp sweep --patterns=tttt,sppp --networks=none --workers=1,2,4 --steps=100 --format=json
  edgetp sweep --patterns=tttt --networks=ethernet-1g --overlap=none,dw --steps=100
  edgetp sweep --patterns=tttt --networks=ethernet-1g,lte --strategy=tensor,data,local --inner_steps=10 --steps=100
All patterns are compared with the first one.)";

struct SweepFlags {
  TrainFlags train;
  std::vector<std::string> patterns;
  std::vector<std::string> networks;  // none named: what the cluster has
  std::vector<int> workers = {2};
  std::vector<std::string> overlaps;    // none named: what the config says
  std::vector<std::string> strategies;  // likewise
  std::optional<std::string> report;    // file
};

struct Cell {
  std::string pattern;  // as typed, what overlaps, and a strategy that is not tensor
  v1::RunConfig config;
};

std::string LabelOf(const Cell& cell, size_t index, size_t count) {
  const std::string network =
      cell.config.has_network() ? absl::StrCat(cell.config.network().name(), ", ") : "";
  return absl::StrFormat("[%d/%d] %s, %s%d workers: ", index + 1, count, cell.pattern, network,
                         cell.config.workers());
}

// As OrNone of the other lists: none named is one row.
std::vector<std::optional<std::string>> OrUnnamed(const std::vector<std::string>& names) {
  if (names.empty()) return {std::nullopt};
  return {names.begin(), names.end()};
}

// Every cell, resolved before the first one runs. The same fault in many cells is told once.
std::vector<Cell> ResolveCells(const SweepFlags& flags, const TrainInputs& inputs, Faults* faults) {
  std::vector<Cell> cells;
  std::vector<std::string> told;
  const auto resolve = [&](const RunFlags& run) {
    auto config = ResolveTraining(run, inputs);
    const std::string fault(config.status().message());
    if (std::find(told.begin(), told.end(), fault) == told.end()) {
      told.push_back(fault);
      faults->Add(config.status());
    }
    if (!config.ok()) return;
    const auto overlap = ToOverlap(*config);  // valid: the config is
    const std::string name = PatternWithStrategy(
        PatternWithOverlap(*run.pattern, ToString(*overlap)), config->parallel().strategy());
    cells.push_back({name, *std::move(config)});
  };
  RunFlags run = flags.train.run;
  for (const std::optional<std::string>& network : OrUnnamed(flags.networks)) {
    run.network = network;
    for (const int workers : flags.workers) {
      run.workers = workers;
      for (const std::string& pattern : flags.patterns) {
        run.pattern = pattern;
        for (const std::optional<std::string>& overlap : OrUnnamed(flags.overlaps)) {
          run.overlap = overlap;
          for (const std::optional<std::string>& strategy : OrUnnamed(flags.strategies))
            resolve(WithStrategy(run, strategy, flags.strategies));
        }
      }
    }
  }
  return cells;
}

struct SweepResult {
  v1::SweepReport report;
  std::vector<std::string> patterns;
  std::vector<std::string> directories;  // of runs that began
  ExitCode code = kExitDone;
};

SweepResult RunCells(const SweepFlags& flags, const std::vector<Cell>& cells, JobSeries& series) {
  SweepResult result;
  std::vector<double> waits;
  for (const Cell& cell : cells) waits.push_back(PredictedWait(cell.config));
  SweepEta eta(std::move(waits));
  for (size_t i = 0; i < cells.size() && ShutdownSignal() == 0; ++i) {
    const std::string label = LabelOf(cells[i], i, cells.size());
    const absl::Time begin = MonotonicNow();
    const absl::StatusOr<JobOutcome> outcome =
        series.RunShown(TrainSpec(flags.train, cells[i].config), label, &eta);
    eta.CellEnded(absl::ToDoubleSeconds(MonotonicNow() - begin));
    const v1::RunSummary summary = SummaryOf(cells[i].config, outcome);
    *result.report.add_rows() = summary;
    result.patterns.push_back(cells[i].pattern);
    if (outcome.ok()) result.directories.push_back(outcome->directory);
    const absl::Status& status = outcome.ok() ? outcome->status : outcome.status();
    if (!status.ok()) {
      absl::FPrintF(stderr, "%s%s\n", label, summary.error());
      result.code = kExitRunFailed;
    }
    if (!ReportCheckpoint(summary, label)) result.code = kExitRunFailed;
  }
  if (ShutdownSignal() != 0) result.code = kExitInterrupted;
  return result;
}

// Once for each network that is too slow for one of its cells: of the first such cell.
void NoteSlowNetworks(const std::vector<Cell>& cells) {
  std::set<std::string> noted;
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string note = SlowNetworkNote(cells[i].config);
    if (note.empty() || !noted.insert(cells[i].config.network().name()).second) continue;
    absl::FPrintF(stderr, "note: %s%s\n", LabelOf(cells[i], i, cells.size()), note);
  }
}

// Of the cells that have trained, whether or not others failed.
ExitCode WriteSweepReport(const std::string& file, const SweepResult& result) {
  const std::vector<std::string> runs = RunsOfThisHost(result.directories);
  if (runs.empty()) {
    Report(absl::FailedPreconditionError("--report: the runs' directories are not on this host"));
    return kExitRunFailed;
  }
  const auto written = WriteReport(runs, file);
  if (!written.ok()) {
    Report(Annotate(written.status(), "--report"));
    return kExitRunFailed;
  }
  absl::FPrintF(stderr, "report: %s\n", file);
  return result.code;
}

ExitCode Run(const SweepFlags& flags) {
  Faults faults;
  if (flags.report.has_value()) faults.Add(Annotate(CheckReportFile(*flags.report), "--report"));
  TrainInputs inputs = LoadTrainInputs(flags.train, &faults);
  ResolveCells(flags, inputs, &faults);
  if (faults.status().ok()) faults.Add(LoadTrainData(flags.train, &inputs));
  if (!faults.status().ok()) return Report(faults.status());
  const std::vector<Cell> cells = ResolveCells(flags, inputs, &faults);
  if (!faults.status().ok()) return Report(faults.status());

  NoteSlowNetworks(cells);
  const int workers = *std::max_element(flags.workers.begin(), flags.workers.end());
  // Cells differ in what a sweep varies, which is no precision.
  auto series = JobSeries::Open(flags.train.cluster, workers, TrainBlobs(inputs),
                                cells.front().config.memory().precision());
  if (!series.ok()) return Report(series.status());
  const SweepResult result = RunCells(flags, cells, *series);
  PrintResult(flags.train.format, result.report, SweepTable(result.report, result.patterns));
  if (flags.report.has_value() && result.code != kExitInterrupted)
    return WriteSweepReport(*flags.report, result);
  ShowReportCommand(result.directories);
  return result.code;
}

}  // namespace

void AddSweep(CLI::App& app, Command* command) {
  auto flags = std::make_shared<SweepFlags>();
  CLI::App* sweep =
      app.add_subcommand("sweep", "Compare patterns over networks, in time and in loss");
  sweep->add_option("--patterns", flags->patterns, "one or more patterns, separated by ','")
      ->delimiter(',')
      ->required();
  sweep
      ->add_option("--networks", flags->networks,
                   "one or more network profiles; default: none, or what a running cluster has")
      ->type_name(kNetworkValue)
      ->delimiter(',');
  sweep->add_option("--workers", flags->workers, "one or more world sizes; default: 2")
      ->delimiter(',');
  AddOverlapList(sweep, &flags->overlaps);
  AddStrategyList(sweep, &flags->train.run, &flags->strategies);
  AddLinkFlags(sweep, &flags->train.run.link);
  AddTrainJobFlags(sweep, &flags->train);
  AddClockFlag(sweep, &flags->train.run);
  sweep->add_option("--report", flags->report,
                    "write the page of `edgetp report` with all runs, at the end");
  sweep->footer(kSweepExamples);
  sweep->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
