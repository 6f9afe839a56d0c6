// edgetp simulate: what a run would take on devices and networks that nobody has to own.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/commands/simulate_boards.h"
#include "cli/commands/simulate_chakra.h"
#include "cli/shared/command.h"
#include "cli/shared/format.h"
#include "cli/shared/preset_values.h"
#include "cli/shared/sample_output.h"
#include "cli/shared/simulate_options.h"
#include "cli/shared/simulate_tables.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/quantile.h"
#include "common/base/status_macros.h"
#include "common/config/units.h"
#include "common/plan/pattern.h"
#include "common/rpc/signals.h"
#include "common/simulate/allreduce_report.h"
#include "common/simulate/crossover.h"
#include "common/simulate/decode_report.h"
#include "common/simulate/trace.h"

namespace edgetp {
namespace {

constexpr char kSimulateExamples[] = R"(Examples:
  edgetp simulate --model=gpt2 --pattern='(sppp)*3' --workers=4 --network=wifi-5 --device=raspberry-pi-5
  edgetp simulate --patterns=tttt,ssss,sppp --networks=ethernet-1g,wifi-5 --workers=2,4 --device=raspberry-pi-4
  edgetp simulate --pattern=sppp --workers=3 --device='raspberry-pi-5*2+raspberry-pi-4' --set split=1,1,2
  edgetp simulate --pattern=sppp --network=lte --device=raspberry-pi-5 --trace=step.json
  edgetp simulate --pattern=tttt --workers=4 --network=ethernet-1g --device=raspberry-pi-5 --chakra=traces
  edgetp simulate --pattern=tttt --network=ethernet-1g --device=raspberry-pi-5 --overlap=none,dw,'rows(2)'
  edgetp simulate --bytes=4KiB,384KiB,36MiB --workers=2,8 --network=lte --allreduce=all
  edgetp simulate --bytes=128MiB --workers=16 --delay=5ms --rate=2gbit --allreduce=ring,ring_sliced --slice=512KiB
  edgetp simulate --pattern=sppp --network=lte --device=raspberry-pi-5 --wire_forward=int4 --wire_backward=int8
  edgetp simulate --workers=4 --network=lte --device=raspberry-pi-5 --strategy=one,tensor,pipeline,data,'data=2,tensor=2'
  edgetp simulate --pattern=tttt --network=ethernet-1g --device=raspberry-pi-4 --energy --draws=50
  edgetp simulate --decode --model=gpt2 --workers=1,2,4 --network=wifi-5 --device=raspberry-pi-5
  edgetp simulate --scenario=raspberry-pi-tp
All patterns are compared with the first one. Nothing runs and nothing waits.)";

// Beyond it, a search for crossovers would take minutes.
constexpr double kMaxCrossoverEvents = 1e8;

struct SimulateCommandFlags {
  SimulateFlags simulate;
  std::string scenario;
  bool decode = false;
  DecodeWork work;
  OutputFormat format = OutputFormat::kTable;
};

bool SamePlace(const v1::SimulateReport& left, const v1::SimulateReport& right) {
  return left.network() == right.network() && left.workers() == right.workers() &&
         left.device() == right.device();
}

void FillSaved(v1::SimulateSweepReport* sweep) {
  for (int i = 0; i < sweep->rows_size(); ++i) {
    v1::SimulateReport* row = sweep->mutable_rows(i);
    int first = 0;
    while (!SamePlace(sweep->rows(first), *row)) ++first;
    const double baseline = sweep->rows(first).step_seconds();
    if (first == i || baseline <= 0) continue;
    row->set_saved_share(1 - row->step_seconds() / baseline);
  }
}

// Step time of a cell at any delay between two devices, each simulated once.
class DelaySweep {
 public:
  explicit DelaySweep(const SimulateCell& cell) : run_(cell.run.forecast) {}

  absl::StatusOr<double> SecondsAt(absl::Duration delay) {
    const auto known = seconds_.find(delay);
    if (known != seconds_.end()) return known->second;
    if (!plan_.has_value()) {
      ASSIGN_OR_RETURN(plan_, BuildStepPlan(run_.plan));
    }
    // Of each hop: two devices are one or two apart.
    const int hops = run_.network.hop() == v1::HOP_ACCESS ? 2 : 1;
    run_.network.mutable_link()->set_delay_us(absl::ToDoubleMicroseconds(delay / hops));
    ASSIGN_OR_RETURN(const Forecast forecast, RunForecast(run_, *plan_));
    return seconds_[delay] = Quantile(forecast.step_seconds, 0.5);
  }

 private:
  ForecastCase run_;
  std::optional<StepPlan> plan_;
  std::map<absl::Duration, double> seconds_;
};

// Of all pairs of patterns with the same network, workers, device and algorithm.
absl::Status FindAllCrossovers(const std::vector<SimulateCell>& cells,
                               v1::SimulateSweepReport* sweep) {
  std::vector<DelaySweep> sweeps(cells.begin(), cells.end());
  for (size_t i = 0; i < cells.size(); ++i) {
    for (size_t j = i + 1; j < cells.size(); ++j) {
      const v1::SimulateReport& first = sweep->rows(static_cast<int>(i));
      const v1::SimulateReport& second = sweep->rows(static_cast<int>(j));
      if (!SamePlace(first, second) || cells[i].allreduce != cells[j].allreduce) continue;
      if (first.pattern() == second.pattern() || first.overlap() != second.overlap()) continue;
      ASSIGN_OR_RETURN(
          const std::vector<DelayCrossover> found,
          FindCrossovers([&](absl::Duration delay) { return sweeps[i].SecondsAt(delay); },
                         [&](absl::Duration delay) { return sweeps[j].SecondsAt(delay); }));
      for (const DelayCrossover& crossover : found) {
        const bool first_below = crossover.first_is_faster_below;
        v1::Crossover* out = sweep->add_crossovers();
        out->set_network(first.network());
        out->set_workers(first.workers());
        out->set_device(first.device());
        out->set_allreduce(cells[i].allreduce);
        out->set_faster_below(first_below ? first.pattern() : second.pattern());
        out->set_faster_above(first_below ? second.pattern() : first.pattern());
        out->set_delay_seconds(absl::ToDoubleSeconds(crossover.delay));
      }
    }
  }
  sweep->set_crossover_max_delay_seconds(absl::ToDoubleSeconds(kMaxCrossoverDelay));
  return absl::OkStatus();
}

absl::Status MaybeFindCrossovers(const SimulateFlags& flags, const std::vector<SimulateCell>& cells,
                                 v1::SimulateSweepReport* sweep) {
  if (flags.patterns.size() < 2 || flags.strategy.asked()) return absl::OkStatus();
  double events = 0;
  for (const v1::SimulateReport& row : sweep->rows()) events += row.events();
  if (events * CrossoverEvaluations() > kMaxCrossoverEvents) {
    absl::FPrintF(stderr,
                  "crossovers not searched: %.3g events for each delay; take fewer --steps\n",
                  events);
    return absl::OkStatus();
  }
  return FindAllCrossovers(cells, sweep);
}

// How fast the simulator was: on stderr, because results are the same every time and this is not.
void PrintSpeed(const v1::SimulateSweepReport& sweep, absl::Duration elapsed) {
  double events = 0;
  for (const v1::SimulateReport& row : sweep.rows()) events += row.events();
  // Of less, most of the time is not the simulator's.
  if (events < 1e6) return;
  const double seconds = absl::ToDoubleSeconds(elapsed);
  absl::FPrintF(stderr, "simulated %s events in %s: %s events/s\n", FormatCount(events),
                FormatSeconds(seconds), FormatCount(events / seconds));
}

std::vector<std::string> DeviceNames(const ForecastCase& forecast, int world_size) {
  std::vector<std::string> names;
  for (int rank = 0; rank < world_size; ++rank) {
    names.push_back(OfRank(forecast.devices, rank).name());
  }
  return names;
}

absl::StatusOr<v1::SimulateReport> SimulateTraced(const SimulateCell& cell,
                                                  const std::string& path) {
  const ForecastCase& forecast = cell.run.forecast;
  ASSIGN_OR_RETURN(const StrategyPlan strategy, PlanOf(forecast, cell.run.strategy));
  const StepPlan& plan = strategy.plan;
  TraceRecorder recorder(plan, DeviceNames(forecast, plan.world_size));
  const auto report = Simulate(cell.run, &recorder);
  if (!report.ok()) return Annotate(report.status(), "--trace");
  RETURN_IF_ERROR(WriteWholeFile(path, recorder.Json()));
  return *report;
}

// What is written of a run takes one combination: which of several is meant?
void CheckOneCombination(const char* flag, const std::string& value, size_t cells, Faults* faults) {
  if (value.empty() || cells <= 1) return;
  faults->Add(absl::InvalidArgumentError(
      absl::StrCat(flag, ": one combination at a time (got ", cells, ")")));
}

// Before anything starts.
absl::Status PrepareExport(const SimulateFlags& flags, const std::vector<SimulateCell>& cells) {
  if (flags.chakra.empty() || cells.size() != 1) return absl::OkStatus();
  ASSIGN_OR_RETURN(const StrategyPlan strategy,
                   PlanOf(cells[0].run.forecast, cells[0].run.strategy));
  return PrepareChakra(strategy.plan, flags.chakra);
}

absl::Status WriteChakra(const SimulateFlags& flags, const SimulateCell& cell,
                         const v1::SimulateReport& report) {
  if (flags.chakra.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const StrategyPlan strategy, PlanOf(cell.run.forecast, cell.run.strategy));
  return ExportChakra(cell.run.forecast, strategy.plan, report, flags.chakra);
}

absl::StatusOr<v1::SimulateSweepReport> SimulateAll(const SimulateFlags& flags,
                                                    const std::vector<SimulateCell>& cells) {
  v1::SimulateSweepReport sweep;
  const absl::Time start = MonotonicNow();
  for (const SimulateCell& cell : cells) {
    ASSIGN_OR_RETURN(*sweep.add_rows(),
                     flags.trace.empty() ? Simulate(cell.run) : SimulateTraced(cell, flags.trace));
  }
  PrintSpeed(sweep, MonotonicNow() - start);
  // Strategies have different numbers of tokens in a step: the table compares tokens per second.
  if (!flags.strategy.asked()) FillSaved(&sweep);
  RETURN_IF_ERROR(MaybeFindCrossovers(flags, cells, &sweep));
  return sweep;
}

// A trace or a strategy is of training.
void CheckDecoding(const SimulateFlags& flags, Faults* faults) {
  const std::pair<const char*, bool> asked[] = {{"--trace", !flags.trace.empty()},
                                                {"--chakra", !flags.chakra.empty()},
                                                {"--strategy", flags.strategy.asked()},
                                                {"--energy", flags.energy},
                                                {"--steps", flags.steps.has_value()},
                                                {"--draws", flags.draws.has_value()}};
  for (const auto& [name, typed] : asked) {
    if (typed)
      faults->Add(absl::InvalidArgumentError(
          absl::StrCat(name, ": of a training step; --decode makes tokens")));
  }
}

ExitCode RunDecoding(const SimulateCommandFlags& flags) {
  Faults faults;
  CheckDecoding(flags.simulate, &faults);
  v1::DecodeReport report;
  for (SimulateCell& cell : ResolveSimulation(flags.simulate, &faults)) {
    if (ShutdownSignal() != 0) return kExitInterrupted;
    cell.run.forecast.plan.batch = flags.simulate.run.batch.value_or(1);
    cell.run.forecast.plan.overlap = {};
    if (!faults.status().ok()) continue;
    *report.add_rows() = faults.Take(SimulateDecode(
        {cell.run.forecast, flags.work, cell.run.model, cell.run.device}));
  }
  if (!faults.status().ok()) return Report(faults.status());
  PrintResult(flags.format, report, DecodeTable(report));
  return kExitDone;
}

ExitCode RunModel(const SimulateCommandFlags& flags) {
  Faults faults;
  const std::vector<SimulateCell> cells = ResolveSimulation(flags.simulate, &faults);
  CheckOneCombination("--trace", flags.simulate.trace, cells.size(), &faults);
  CheckOneCombination("--chakra", flags.simulate.chakra, cells.size(), &faults);
  if (faults.status().ok()) faults.Add(PrepareExport(flags.simulate, cells));
  if (!faults.status().ok()) return Report(faults.status());
  const auto sweep = SimulateAll(flags.simulate, cells);
  if (!sweep.ok()) return Report(sweep.status());
  if (cells.size() == 1) {
    const absl::Status written = WriteChakra(flags.simulate, cells[0], sweep->rows(0));
    if (!written.ok()) return Report(written);
    PrintResult(flags.format, sweep->rows(0), SimulateTable(sweep->rows(0), cells[0].pattern));
    return kExitDone;
  }
  std::vector<std::string> patterns;
  for (const SimulateCell& cell : cells) patterns.push_back(cell.pattern);
  PrintResult(flags.format, *sweep, SimulateSweepTable(*sweep, patterns));
  return kExitDone;
}

ExitCode RunAllReduces(const SimulateCommandFlags& flags) {
  Faults faults;
  std::vector<std::string> algorithms = ResolveAlgorithms(flags.simulate, &faults);
  if (algorithms.empty()) algorithms = {"auto"};
  const std::vector<AllReduceProblem> problems = ResolveAllReduces(flags.simulate, &faults);
  if (!flags.simulate.trace.empty()) {
    faults.Add(absl::InvalidArgumentError("--trace: traces a step of a model, not --bytes"));
  }
  if (!flags.simulate.chakra.empty()) {
    faults.Add(absl::InvalidArgumentError("--chakra: exports a step of a model, not --bytes"));
  }
  if (!faults.status().ok()) return Report(faults.status());
  v1::AllReduceReport report;
  for (const AllReduceProblem& problem : problems) {
    if (ShutdownSignal() != 0) return kExitInterrupted;
    const absl::Status priced = AppendPrices(problem, algorithms, &report);
    if (!priced.ok()) return Report(priced);
  }
  PrintResult(flags.format, report, AllReduceTable(report));
  return kExitDone;
}

// A scenario says everything itself.
ExitCode RunScenario(const CLI::App& command, const SimulateCommandFlags& flags) {
  const std::vector<std::string> fine = {"--scenario", "--format", "--config_path", "--help"};
  for (const CLI::Option* option : command.get_options()) {
    const std::string name = option->get_name();
    if (option->count() == 0 || std::find(fine.begin(), fine.end(), name) != fine.end()) continue;
    return Report(absl::InvalidArgumentError(
        absl::StrCat("--scenario: has its own models, boards and network, and takes no ", name)));
  }
  return SimulateBoards(flags.scenario, flags.simulate.run.config_path, flags.format);
}

ExitCode Run(const CLI::App& command, const SimulateCommandFlags& flags) {
  if (!flags.scenario.empty()) return RunScenario(command, flags);
  if (flags.decode) return RunDecoding(flags);
  return flags.simulate.bytes.empty() ? RunModel(flags) : RunAllReduces(flags);
}

// Everything that may be a list.
void AddListFlags(CLI::App* command, SimulateFlags* flags) {
  const auto list = [command](const std::string& names, auto* values, const std::string& text) {
    return command->add_option(names, *values, text + "; separated by ','")->delimiter(',');
  };
  list("--pattern,--patterns", &flags->patterns, PatternHelp());
  list("--workers", &flags->workers, "world sizes; default: 2");
  list("--network,--networks", &flags->networks,
       "network profiles (see `edgetp network list`) or files; default: none")
      ->type_name(kNetworkValue);
  list("--device,--devices", &flags->devices,
       "device profiles (configs/devices) or files; of several kinds: NAME*RANKS+NAME*RANKS")
      ->type_name(kDeviceValue);
  list("--allreduce", &flags->algorithms, "algorithms, or all; default: auto");
  AddOverlapList(command, &flags->overlaps);
  list("--bytes", &flags->bytes, "time of single all-reduces of these sizes, instead of a model");
}

void AddDecodeFlags(CLI::App* command, SimulateCommandFlags* flags) {
  CLI::Option* bytes = command->get_option("--bytes");
  CLI::Option* decode =
      command
          ->add_flag("--decode", flags->decode,
                     "tokens made one by one with a key-value cache, instead of training: as "
                     "`edgetp bench decode` measures; --batch: prompts continued together, default 1")
          ->excludes(bytes);
  command->add_option("--prompt_tokens", flags->work.prompt_tokens, "of --decode: of each prompt")
      ->check(CLI::Range(1, 1 << 20))
      ->needs(decode)
      ->capture_default_str();
  command->add_option("--tokens", flags->work.tokens, "of --decode: to make of each prompt")
      ->check(CLI::Range(2, 100000))
      ->needs(decode)
      ->capture_default_str();
}

}  // namespace

void AddSimulate(CLI::App& app, Command* command) {
  auto flags = std::make_shared<SimulateCommandFlags>();
  SimulateFlags* simulate = &flags->simulate;
  CLI::App* sub =
      app.add_subcommand("simulate", "Predict a run on devices and networks that you need not own");
  AddListFlags(sub, simulate);
  AddModelFlags(sub, &simulate->run);
  sub->add_option("--micro_batches", simulate->run.micro_batches,
                  "per step, one after another; a pipeline has several under way");
  AddPlannedStrategyFlags(sub, &simulate->strategy);
  AddParallelFlags(sub, &simulate->run);
  AddMemoryFlags(sub, &simulate->run);
  AddSliceFlag(sub, &simulate->run);
  AddWireFlags(sub, &simulate->run);
  sub->add_option("--steps", simulate->steps,
                  "simulated; default: 100 where the network has jitter or loss, else 3")
      ->check(CLI::Range(1, 1000000));
  sub->add_option("--seed", simulate->run.seed, "of jitter and loss; default: 1337");
  sub->add_option("--draws", simulate->draws,
                  "of boards that differ, for p50 and p99 of the step time over them; default: 20 "
                  "where a device has a variability and little is to be simulated; 0: none")
      ->check(CLI::Range(0, 10000));
  sub->add_flag("--energy", simulate->energy,
                "joules and watt-hours, which are told wherever they are known, must be known");
  sub->add_option("--max_step", simulate->max_step,
                  "a longer step is called infeasible, e.g. 90s; default: 60s");
  sub->add_option("--trace", simulate->trace,
                  "file for the last step as a Chrome trace (opens in Perfetto)");
  sub->add_option("--chakra", simulate->chakra,
                  "folder for the step as Chakra execution traces, one per rank, with ASTRA-sim's "
                  "files (docs/simulation.md)");
  AddDecodeFlags(sub, flags.get());
  sub->add_option("--scenario", flags->scenario,
                  "published measurements of real boards (configs/scenarios) or file, beside "
                  "predictions")
      ->type_name(kScenarioValue);
  AddLinkFlags(sub, &simulate->run.link);
  AddPresetFlags(sub, &simulate->run);
  AddFormatFlag(sub, &flags->format);
  sub->footer(kSimulateExamples);
  sub->callback([flags, command, sub] { *command = [flags, sub] { return Run(*sub, *flags); }; });
}

}  // namespace edgetp
