#include "cli/shared/report_tables.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/shared/energy_tables.h"
#include "cli/shared/format.h"
#include "cli/shared/pattern_tables.h"
#include "cli/shared/replica_tables.h"
#include "cli/shared/step_facts.h"
#include "cli/shared/table.h"
#include "cli/shared/term_columns.h"
#include "common/config/units.h"
#include "common/network/attribution.h"
#include "common/simulate/predicted_steps.h"

namespace edgetp {
namespace {

constexpr char kNotJudged[] = "not judged";

std::string Mebibytes(double bytes) { return FormatNumber(bytes / 0x1p20); }

std::string TrainLoss(const v1::RunSummary& run) {
  return run.final().has_train_loss() ? FormatLoss(run.final().train_loss()) : "-";
}
std::string ValLoss(const v1::RunSummary& run) {
  return run.final().has_val_loss() ? FormatLoss(run.final().val_loss()) : "-";
}

// Times of a run that did not wait are no measurements.
bool IsSimulated(const v1::RunSummary& run) { return run.has_host_seconds(); }
bool AnySimulated(const v1::SweepReport& sweep) {
  return std::any_of(sweep.rows().begin(), sweep.rows().end(), IsSimulated);
}

bool HasSteps(const v1::RunSummary& run) { return run.step_seconds().median() > 0; }
bool IsDone(const v1::RunSummary& run) { return run.status() == "done" || run.status().empty(); }

std::string VerdictWord(const v1::RunSummary& run) {
  if (!IsDone(run)) return run.status();
  if (IsSimulated(run)) return "simulated";
  if (!run.verdict().valid()) return "INVALID";
  return absl::StartsWith(run.verdict().reason(), kNotJudged) ? kNotJudged : "valid";
}

// What became of a run in one phrase. A verdict's reason begins with its word.
std::string OutcomeText(const v1::RunSummary& run) {
  const std::string& reason = run.verdict().reason();
  if (IsDone(run)) return reason.empty() ? VerdictWord(run) : reason;
  return run.error().empty() ? run.status() : absl::StrCat(run.status(), ": ", run.error());
}

// What the terms of the breakdown add up to. The median of the steps is another number.
double MeanStep(const v1::RunSummary& run) {
  if (run.mean_step_seconds() > 0) return run.mean_step_seconds();
  double total = 0;
  for (const auto& [name, seconds] : BreakdownTerms(run.breakdown_seconds())) total += seconds;
  return total;
}

// The row that others are compared with: the first one with the same network and workers. Null if
// that has no time.
const v1::RunSummary* Baseline(const v1::SweepReport& sweep, const v1::RunSummary& run) {
  for (const v1::RunSummary& row : sweep.rows()) {
    if (row.network() == run.network() && row.workers() == run.workers())
      return HasSteps(row) ? &row : nullptr;
  }
  return nullptr;
}

std::string TimeSaved(const v1::SweepReport& sweep, const v1::RunSummary& run) {
  const v1::RunSummary* baseline = Baseline(sweep, run);
  if (baseline == nullptr || !HasSteps(run) || baseline == &run) return "-";
  return FormatPercent(1 - StepRatio(run, *baseline));
}

bool SeveralWorldSizes(const v1::SweepReport& sweep) {
  std::set<int> sizes;
  for (const v1::RunSummary& row : sweep.rows()) sizes.insert(row.workers());
  return sizes.size() > 1;
}

std::string SweepResults(const v1::SweepReport& sweep, const std::vector<std::string>& patterns) {
  const bool workers = SeveralWorldSizes(sweep);
  std::vector<Column> columns = {{"network", Align::kLeft}, {"pattern", Align::kLeft}};
  if (workers) columns.push_back({"P"});
  // All rows have one clock. What a simulated one charges is no measurement, and a prediction
  // beside it would say the same.
  const bool simulated = AnySimulated(sweep);
  const std::string step = simulated ? "step ms\nsimulated" : "step ms\nmeasured";
  for (const std::string& header :
       {std::string("sync\npoints"), std::string("MiB per\nstep"), step})
    columns.push_back({header});
  if (!simulated) columns.push_back({"step ms\npredicted"});
  for (const char* header : {"time\nsaved", "train\nloss", "val\nloss"})
    columns.push_back({header});
  columns.push_back({"verdict", Align::kLeft});
  Table table(columns);
  for (int i = 0; i < sweep.rows_size(); ++i) {
    const v1::RunSummary& run = sweep.rows(i);
    std::vector<std::string> cells = {run.network(), patterns[i]};
    if (workers) cells.push_back(absl::StrCat(run.workers()));
    const bool steps = HasSteps(run);
    cells.push_back(absl::StrCat(run.sync_points_forward()));
    cells.push_back(steps ? Mebibytes(run.bytes_on_the_wire_per_rank()) : "-");
    cells.push_back(steps ? FormatMilliseconds(run.step_seconds().median()) : "-");
    if (!simulated) {
      cells.push_back(run.predicted_step_seconds() > 0
                          ? FormatMilliseconds(run.predicted_step_seconds())
                          : "-");
    }
    cells.push_back(TimeSaved(sweep, run));
    cells.push_back(TrainLoss(run));
    cells.push_back(ValLoss(run));
    cells.push_back(VerdictWord(run));
    table.AddRow(std::move(cells));
  }
  return table.Render();
}

std::string SweepBreakdown(const v1::SweepReport& sweep, const std::vector<std::string>& patterns) {
  const bool workers = SeveralWorldSizes(sweep);
  std::vector<Column> columns = {{"network", Align::kLeft}, {"pattern", Align::kLeft}};
  if (workers) columns.push_back({"P"});
  const TermColumns terms = TermColumns::For(sweep.rows());
  terms.AddHeaders("mean\nstep", &columns);
  Table table(columns);
  for (int i = 0; i < sweep.rows_size(); ++i) {
    const v1::RunSummary& run = sweep.rows(i);
    if (!HasSteps(run)) continue;
    std::vector<std::string> cells = {run.network(), patterns[i]};
    if (workers) cells.push_back(absl::StrCat(run.workers()));
    terms.AddCells(run.breakdown_seconds(), MeanStep(run), run.hidden_seconds(), 1e3, &cells);
    table.AddRow(std::move(cells));
  }
  if (table.empty()) return "";
  return absl::StrCat("\nWhere the time of a mean step goes, ms (",
                      AnySimulated(sweep) ? "simulated" : "measured",
                      ", mean over ranks).\n"
                      "The terms add up to the mean step; the table above has the median:\n\n",
                      table.Render());
}

// "20 steps under lte, 3 under lte#2".
std::string StepsByNetwork(const v1::RunSummary& run) {
  std::string text;
  for (const v1::NetworkSteps& row : run.networks()) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", row.steps(),
                    text.empty() ? (row.steps() == 1 ? " step" : " steps") : "", " under ",
                    row.network());
  }
  return text;
}

// "3 (12 steps done again, 4.2 s lost)", of a run that took several.
std::string AttemptsText(const v1::RunSummary& run) {
  return absl::StrCat(run.attempts(), " (", run.steps_repeated(),
                      run.steps_repeated() == 1 ? " step" : " steps", " done again, ",
                      FormatSeconds(run.seconds_lost()), " lost)");
}

// One line for each row that needs an explanation.
std::string SweepNotes(const v1::SweepReport& sweep, const std::vector<std::string>& patterns) {
  std::string notes;
  for (int i = 0; i < sweep.rows_size(); ++i) {
    const v1::RunSummary& run = sweep.rows(i);
    std::vector<std::string> facts;
    if (!IsDone(run) || !run.verdict().valid()) facts.push_back(OutcomeText(run));
    if (run.attempts() > 1) facts.push_back("attempts: " + AttemptsText(run));
    if (!run.checkpoint_error().empty())
      facts.push_back("its last checkpoint was not saved: " + run.checkpoint_error());
    if (run.networks_size() > 1) facts.push_back("the network changed: " + StepsByNetwork(run));
    if (facts.empty()) continue;
    const std::string text =
        absl::StrCat(patterns[i], " on ", run.network(), ": ", absl::StrJoin(facts, "; "));
    absl::StrAppend(&notes, "\n", absl::StrJoin(WrapWords(text, Table::kMaxWidth - 2), "\n  "));
  }
  return notes.empty() ? "" : notes + "\n";
}

// Where the network has changed: one row for each profile that was in force.
void AddNetworks(const v1::RunSummary& run, Table* table) {
  if (run.networks_size() < 2) return;
  for (const v1::NetworkSteps& row : run.networks()) {
    std::string text = absl::StrCat(row.steps(), row.steps() == 1 ? " step, " : " steps, ",
                                    FormatSeconds(row.step_seconds()), " median");
    if (row.predicted_step_seconds() > 0)
      absl::StrAppend(&text, ", predicted ", FormatSeconds(row.predicted_step_seconds()));
    table->AddRow({"  under " + row.network(), text});
  }
}

// " (200 of 1742 windows)", or " (all 1742 windows)": how much of the validation split.
std::string WindowsOf(int windows, int total) {
  if (total == 0) return "";
  if (windows == total) return absl::StrCat(" (all ", total, " windows)");
  return absl::StrCat(" (", windows, " of ", total, " windows)");
}

std::string StepsOf(const v1::RunSummary& run) {
  const std::string steps = absl::StrCat(run.steps(), " in ", FormatSeconds(run.wall_seconds()));
  if (!IsSimulated(run)) return steps + StepFacts(run);
  return absl::StrCat(steps, " of simulated time (", FormatSeconds(run.host_seconds()),
                      " on this host)", StepFacts(run));
}

// "two_phase", or, where sizes differ: "direct up to 4 KiB, two_phase above".
std::string AlgorithmsOf(const v1::RunSummary& run) {
  std::map<double, std::string> by_bytes;
  for (const v1::AllReduceChoice& choice : run.allreduce_choices())
    by_bytes[choice.bytes()] = choice.algorithm();
  std::vector<std::string> parts;
  std::string algorithm;
  double last = 0;
  for (const auto& [bytes, name] : by_bytes) {
    if (!algorithm.empty() && name != algorithm)
      parts.push_back(absl::StrCat(algorithm, " up to ", FormatBytes(last)));
    algorithm = name;
    last = bytes;
  }
  if (parts.empty()) return run.allreduce_algorithm();
  return absl::StrCat(absl::StrJoin(parts, ", "), ", ", algorithm, " above");
}

// "98.2 ms (compute measured in this run; time was up after 12 of 200 simulated steps)".
std::string PredictedStep(const v1::RunSummary& run) {
  int steps = 0;
  for (const v1::NetworkSteps& row : run.networks()) steps += row.steps();
  const int wanted = std::min(steps, kPredictedSteps);
  std::vector<std::string> facts;
  if (!run.compute_source().empty())
    facts.push_back(absl::StrCat("compute ",
                                 absl::StartsWith(run.compute_source(), "device") ? "of the " : "",
                                 run.compute_source()));
  // Each network's share is rounded.
  if (run.predicted_steps() > 0 && run.predicted_steps() + run.networks_size() < wanted) {
    facts.push_back(absl::StrCat("time was up after ", run.predicted_steps(), " of ", wanted,
                                 " simulated steps"));
  }
  const std::string step =
      run.predicted_step_seconds() > 0 ? FormatSeconds(run.predicted_step_seconds()) : "-";
  return facts.empty() ? step : absl::StrCat(step, " (", absl::StrJoin(facts, "; "), ")");
}

void AddTraffic(const v1::TrafficBytes& bytes, Table* table) {
  table->AddRow({"  activations, forward", FormatBytes(bytes.activation_fwd())});
  table->AddRow({"  activations, backward", FormatBytes(bytes.activation_bwd())});
  table->AddRow({"  gradients of replicated parameters", FormatBytes(bytes.grad_sync())});
  table->AddRow({"  scalars", FormatBytes(bytes.scalar())});
}

}  // namespace

std::vector<std::pair<std::string, double>> BreakdownTerms(const v1::Breakdown& breakdown) {
  std::vector<std::pair<std::string, double>> terms;
  for (const BreakdownTerm& term : kBreakdownTerms)
    terms.emplace_back(term.name, (breakdown.*term.seconds)());
  return terms;
}

std::string TrainTable(const v1::RunSummary& run) {
  Table table({{"run", Align::kLeft}, {run.run(), Align::kLeft}});
  table.AddRow({"model, pattern",
                absl::StrCat(run.model(), ", ", PatternWithOverlap(run.pattern(), run.overlap()))});
  table.AddRow({"workers, network",
                absl::StrCat(run.workers(), ", ", run.network(), " (", run.clock(), ")")});
  if (!StrategyText(run).empty()) table.AddRow({"strategy", StrategyText(run)});
  if (!run.device().empty()) table.AddRow({"device", run.device()});
  table.AddRow({"steps", StepsOf(run)});
  if (run.attempts() > 1) table.AddRow({"attempts", AttemptsText(run)});
  table.AddRow({"loss", absl::StrCat("train ", TrainLoss(run), ", validation ", ValLoss(run),
                                     WindowsOf(run.val_windows(), run.val_windows_total()))});
  table.AddRow({IsSimulated(run) ? "step, simulated" : "step, measured",
                absl::StrCat(FormatSeconds(run.step_seconds().median()), " median, ",
                             FormatSeconds(run.step_seconds().p99()), " p99")});
  if (run.predicted_step_seconds() > 0 || run.predicted_steps() > 0)
    table.AddRow({"step, predicted", PredictedStep(run)});
  AddNetworks(run, &table);
  table.AddRow({"on the wire",
                absl::StrCat(FormatBytes(run.bytes_on_the_wire_per_rank()), " per step and rank, ",
                             run.sync_points_forward(), " sync points")});
  table.AddRow({"all-reduce", AlgorithmsOf(run)});
  std::vector<std::string> terms;
  for (const auto& [name, seconds] : BreakdownTerms(run.breakdown_seconds())) {
    if (seconds > 0) terms.push_back(absl::StrCat(name, " ", FormatSeconds(seconds)));
  }
  table.AddRow(
      {"a mean step", absl::StrCat(FormatSeconds(MeanStep(run)), " = ", absl::StrJoin(terms, " + "),
                                   HiddenText(run.hidden_seconds()))});
  if (run.has_energy()) table.AddRow({"energy", EnergyText(run.energy())});
  table.AddRow({"verdict", OutcomeText(run)});
  if (!run.checkpoint_error().empty())
    table.AddRow({"checkpoint", "NOT SAVED: " + run.checkpoint_error()});
  return table.Render();
}

std::string SweepTable(const v1::SweepReport& sweep, const std::vector<std::string>& patterns) {
  return absl::StrCat(SweepResults(sweep, patterns), SweepBreakdown(sweep, patterns),
                      SweepEnergyTable(sweep, patterns), StrategyNotes(sweep, patterns),
                      SweepNotes(sweep, patterns));
}

std::string PlanTable(const v1::PlanReport& plan) {
  Table table({{plan.model().empty() ? "plan" : plan.model(), Align::kLeft}, {"", Align::kLeft}});
  table.AddRow({"pattern", PatternWithOverlap(plan.pattern(), plan.overlap())});
  table.AddRow({"layers, workers", absl::StrCat(plan.layers(), ", ", plan.workers())});
  table.AddRow({"sync points, forward", absl::StrCat(plan.sync_points_forward())});
  table.AddRow(
      {"all-reduces per micro-step, per step",
       absl::StrCat(plan.all_reduces_per_micro_step(), ", ", plan.all_reduces_per_step())});
  const v1::TrafficBytes& bytes = plan.bytes_per_step_per_rank();
  table.AddRow({"all-reduced per step and rank",
                FormatBytes(bytes.activation_fwd() + bytes.activation_bwd() + bytes.grad_sync() +
                            bytes.scalar())});
  AddTraffic(bytes, &table);
  table.AddRow({"parameters", absl::StrCat(FormatCount(plan.parameters()), " (",
                                           FormatCount(plan.parameters_without_position()),
                                           " without positions)")});
  table.AddRow({"compute per step", FormatCount(plan.flops_per_step()) + " FLOP"});

  Table memory({{"rank"},
                {"parameters"},
                {"gradients"},
                {"optimizer"},
                {"activations"},
                {"workspace"},
                {"process"},
                {"memory in total"}});
  for (int rank = 0; rank < plan.memory_bytes_per_rank_size(); ++rank) {
    const v1::MemoryBytes& use = plan.memory_bytes_per_rank(rank);
    memory.AddRow({absl::StrCat(rank), FormatBytes(use.parameters()), FormatBytes(use.gradients()),
                   FormatBytes(use.optimizer()), FormatBytes(use.activations()),
                   FormatBytes(use.workspace()), FormatBytes(use.process()),
                   FormatBytes(use.total())});
  }
  return absl::StrCat(table.Render(), "\n", LettersTable(plan), "\n", memory.Render());
}

std::string BenchTable(const v1::BenchReport& bench) {
  Table table({{"bytes"},
               {"workers"},
               {"algorithm", Align::kLeft},
               {"median us"},
               {"middle half us"},
               {"p99 us"},
               {"MB/s"},
               {"rounds"}});
  for (const v1::BenchRow& row : bench.rows()) {
    table.AddRow({absl::StrCat(static_cast<int64_t>(row.bytes())), absl::StrCat(row.workers()),
                  row.algorithm(), FormatNumber(row.median_us()),
                  absl::StrCat(FormatNumber(row.p25_us()), " to ", FormatNumber(row.p75_us())),
                  FormatNumber(row.p99_us()), FormatNumber(row.bandwidth_bytes_per_second() / 1e6),
                  absl::StrCat(row.iterations())});
  }
  return absl::StrCat(table.Render(),
                      "A round's time is that of the slowest rank.\nnetwork: ", bench.network(),
                      "\nverdict: ", bench.verdict().reason(), "\n");
}

std::string EvalTable(const v1::EvalReport& eval) {
  Table table({{"loss"}, {"tokens"}, {"windows"}, {"of"}, {"pattern", Align::kLeft}, {"workers"}});
  table.AddRow({absl::StrFormat("%.6f", eval.loss()), absl::StrFormat("%.0f", eval.tokens()),
                absl::StrCat(eval.windows()), absl::StrCat(eval.windows_total()), eval.pattern(),
                absl::StrCat(eval.workers())});
  return table.Render();
}

}  // namespace edgetp
