#include "cli/shared/simulate_tables.h"

#include <algorithm>
#include <functional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/shared/energy_tables.h"
#include "cli/shared/format.h"
#include "cli/shared/report_tables.h"
#include "cli/shared/strategy_tables.h"
#include "cli/shared/table.h"
#include "cli/shared/term_columns.h"
#include "common/config/units.h"

namespace edgetp {
namespace {

bool AllFit(const v1::SimulateReport& row) {
  return std::all_of(row.fits().begin(), row.fits().end(), [](bool fits) { return fits; });
}

bool MemoryIsKnown(const v1::SimulateReport& row) {
  const auto& limits = row.device_memory_bytes_per_rank();
  return std::all_of(limits.begin(), limits.end(), [](double bytes) { return bytes > 0; });
}

const v1::MemoryBytes& LargestMemory(const v1::SimulateReport& row) {
  const auto& ranks = row.memory_bytes_per_rank();
  return *std::max_element(ranks.begin(), ranks.end(), [](const auto& left, const auto& right) {
    return left.total() < right.total();
  });
}

// With several kinds of devices there is no answer.
bool OneKindOfDevice(const v1::SimulateReport& row) {
  const auto& limits = row.device_memory_bytes_per_rank();
  return std::all_of(limits.begin(), limits.end(),
                     [&](double bytes) { return bytes == limits[0]; });
}

std::string FitText(const v1::SimulateReport& row) {
  if (!MemoryIsKnown(row)) return "unknown: the device profile says no memory";
  const std::string fits = AllFit(row) ? "yes" : "NO";
  if (row.has_strategy()) return fits;  // how many workers fit depends on it
  if (row.has_smallest_workers_that_fit()) {
    return absl::StrCat(fits, "; the smallest number of workers that fits is ",
                        row.smallest_workers_that_fit());
  }
  return OneKindOfDevice(row) ? absl::StrCat(fits, "; no number of workers fits") : fits;
}

std::string FitCell(const v1::SimulateReport& row) {
  if (!MemoryIsKnown(row)) return "?";
  if (AllFit(row)) return "yes";
  if (row.has_smallest_workers_that_fit()) {
    return absl::StrCat("NO, P>=", row.smallest_workers_that_fit());
  }
  return "NO";
}

std::string MemoryText(const v1::MemoryBytes& use) {
  return absl::StrCat(FormatBytes(use.total()), " (parameters ", FormatBytes(use.parameters()),
                      ", gradients ", FormatBytes(use.gradients()), ", optimizer ",
                      FormatBytes(use.optimizer()), ", activations ",
                      FormatBytes(use.activations()), ", workspace ", FormatBytes(use.workspace()),
                      ", process ", FormatBytes(use.process()), ")");
}

std::string StepText(const v1::SimulateReport& report) {
  const std::string median = FormatSeconds(report.step_seconds());
  if (report.step_seconds_p99() == report.step_seconds()) return median;
  return absl::StrCat(median, " median, ", FormatSeconds(report.step_seconds_p99()), " p99 over ",
                      report.steps(), " steps");
}

// True if the rows differ in it: only then it is a column.
template <typename Value>
bool Varies(const v1::SimulateSweepReport& sweep, Value value) {
  std::set<std::string> values;
  for (const v1::SimulateReport& row : sweep.rows()) values.insert(value(row));
  return values.size() > 1;
}

bool CompareStrategies(const v1::SimulateSweepReport& sweep) {
  return sweep.rows_size() > 0 && sweep.rows(0).has_strategy();
}

// The columns that tell rows apart.
class RowNames {
 public:
  RowNames(const v1::SimulateSweepReport& sweep, const std::vector<std::string>& patterns)
      : patterns_(patterns) {
    const auto workers = [](const auto& row) { return absl::StrCat(row.workers()); };
    const auto device = [](const auto& row) { return row.device(); };
    const auto algorithm = [](const auto& row) { return row.allreduce_algorithm(); };
    const bool strategies = CompareStrategies(sweep);
    const auto network = [](const auto& row) { return row.network(); };
    AddIf(!strategies || Varies(sweep, network), {"network", Align::kLeft}, network);
    AddIf(true, {strategies ? "strategy" : "pattern", Align::kLeft}, nullptr);
    AddIf(Varies(sweep, workers), {"P"}, workers);
    AddIf(Varies(sweep, device), {"device", Align::kLeft}, device);
    AddIf(Varies(sweep, algorithm) && !CompareStrategies(sweep), {"all-reduce", Align::kLeft},
          algorithm);
  }

  const std::vector<Column>& columns() const { return columns_; }
  std::vector<std::string> Cells(const v1::SimulateReport& row, int index) const {
    std::vector<std::string> cells;
    for (const auto& value : values_) cells.push_back(value ? value(row) : patterns_[index]);
    return cells;
  }

 private:
  using Value = std::function<std::string(const v1::SimulateReport&)>;
  void AddIf(bool wanted, const Column& column, const Value& value) {
    if (!wanted) return;
    columns_.push_back(column);
    values_.push_back(value);
  }

  const std::vector<std::string>& patterns_;
  std::vector<Column> columns_;
  std::vector<Value> values_;
};

// Tokens per second beside those of the first row of the same network and devices.
std::string ToTheFirst(const v1::SimulateSweepReport& sweep, const v1::SimulateReport& row) {
  for (const v1::SimulateReport& first : sweep.rows()) {
    if (first.network() != row.network() || first.device() != row.device()) continue;
    if (&first == &row || first.tokens_per_second() <= 0) break;
    return absl::StrCat(FormatNumber(row.tokens_per_second() / first.tokens_per_second()), " x");
  }
  return "-";
}

// Strategies may have different numbers of tokens in a step.
std::string StrategyResults(const v1::SimulateSweepReport& sweep, const RowNames& names) {
  std::vector<Column> columns = names.columns();
  const bool has_tail = std::any_of(sweep.rows().begin(), sweep.rows().end(), [](const auto& row) {
    return row.step_seconds_p99() != row.step_seconds();
  });
  for (const char* header : {"tokens\nper step", "step\npredicted"}) columns.push_back({header});
  if (has_tail) columns.push_back({"p99"});
  for (const char* header : {"tokens\nper s", "to the\nfirst", "MiB per\nstep", "memory"}) {
    columns.push_back({header});
  }
  columns.push_back({"fits", Align::kLeft});
  Table table(columns);
  for (int i = 0; i < sweep.rows_size(); ++i) {
    const v1::SimulateReport& row = sweep.rows(i);
    std::vector<std::string> cells = names.Cells(row, i);
    cells.push_back(FormatCount(row.strategy().tokens_per_step()));
    cells.push_back(FormatSeconds(row.step_seconds()));
    if (has_tail) cells.push_back(FormatSeconds(row.step_seconds_p99()));
    cells.push_back(FormatNumber(row.tokens_per_second()));
    cells.push_back(ToTheFirst(sweep, row));
    cells.push_back(FormatNumber(row.bytes_on_the_wire_per_rank() / 0x1p20));
    cells.push_back(FormatBytes(LargestMemory(row).total()));
    cells.push_back(FitCell(row));
    table.AddRow(std::move(cells));
  }
  return table.Render();
}

std::string Results(const v1::SimulateSweepReport& sweep, const RowNames& names) {
  if (CompareStrategies(sweep)) return StrategyResults(sweep, names);
  std::vector<Column> columns = names.columns();
  for (const char* header :
       {"sync\npoints", "MiB per\nstep", "step\npredicted", "p99", "time\nsaved", "memory"}) {
    columns.push_back({header});
  }
  columns.push_back({"fits", Align::kLeft});
  Table table(columns);
  for (int i = 0; i < sweep.rows_size(); ++i) {
    const v1::SimulateReport& row = sweep.rows(i);
    std::vector<std::string> cells = names.Cells(row, i);
    cells.push_back(absl::StrCat(row.sync_points_forward()));
    cells.push_back(FormatNumber(row.bytes_on_the_wire_per_rank() / 0x1p20));
    cells.push_back(FormatSeconds(row.step_seconds()));
    cells.push_back(FormatSeconds(row.step_seconds_p99()));
    cells.push_back(row.has_saved_share() ? FormatPercent(row.saved_share()) : "-");
    cells.push_back(FormatBytes(LargestMemory(row).total()));
    cells.push_back(FitCell(row));
    table.AddRow(std::move(cells));
  }
  return table.Render();
}

std::string Breakdowns(const v1::SimulateSweepReport& sweep, const RowNames& names) {
  std::vector<Column> columns = names.columns();
  const TermColumns terms = TermColumns::For(sweep.rows());
  terms.AddHeaders("sum", &columns);
  double longest = 0;
  for (const v1::SimulateReport& row : sweep.rows())
    longest = std::max(longest, row.mean_step_seconds());
  const bool milliseconds = longest < 100;
  const double scale = milliseconds ? 1e3 : 1;
  Table table(columns);
  for (int i = 0; i < sweep.rows_size(); ++i) {
    const v1::SimulateReport& row = sweep.rows(i);
    std::vector<std::string> cells = names.Cells(row, i);
    terms.AddCells(row.breakdown_seconds(), row.mean_step_seconds(), row.hidden_seconds(), scale,
                   &cells);
    table.AddRow(std::move(cells));
  }
  return absl::StrCat("\nWhere the time of a mean step goes, ", milliseconds ? "ms" : "s",
                      " (simulated, mean over ranks):\n\n", table.Render());
}

std::string EnergyAndDraws(const v1::SimulateSweepReport& sweep, const RowNames& names) {
  std::vector<EnergyRow> rows;
  for (int i = 0; i < sweep.rows_size(); ++i) {
    const v1::SimulateReport& row = sweep.rows(i);
    rows.push_back({names.Cells(row, i), row.has_energy() ? &row.energy() : nullptr,
                    row.has_variation() ? &row.variation() : nullptr});
  }
  return EnergyTable(names.columns(), rows, "simulated");
}

std::string PlaceOf(const std::string& network, int workers, const std::string& device) {
  return absl::StrCat(" on ", network, ", ", workers, " x ", device);
}

// What is not feasible, one paragraph for all patterns in the same place.
std::string Infeasible(const v1::SimulateSweepReport& sweep,
                       const std::vector<std::string>& patterns) {
  std::vector<std::pair<std::string, std::vector<std::string>>> places;
  for (int i = 0; i < sweep.rows_size(); ++i) {
    const v1::SimulateReport& row = sweep.rows(i);
    if (row.feasible()) continue;
    const std::string place = PlaceOf(row.network(), row.workers(), row.device());
    if (places.empty() || places.back().first != place) places.push_back({place, {}});
    places.back().second.push_back(absl::StrCat(patterns[i], " (", row.reason(), ")"));
  }
  std::string text;
  for (const auto& [place, rows] : places) {
    absl::StrAppend(
        &text, Paragraph(absl::StrCat("feasible", place, ": no: ", absl::StrJoin(rows, ", "))));
  }
  return text;
}

std::string Notes(const v1::SimulateSweepReport& sweep, const std::vector<std::string>& patterns) {
  std::string notes = Infeasible(sweep, patterns);
  for (const v1::SimulateReport& row : sweep.rows()) {
    const std::string round = RoundText(row.strategy());
    if (!round.empty()) absl::StrAppend(&notes, Paragraph(round));
  }
  for (const v1::Crossover& crossover : sweep.crossovers()) {
    absl::StrAppend(
        &notes,
        Paragraph(absl::StrCat(
            "crossover", PlaceOf(crossover.network(), crossover.workers(), crossover.device()),
            ": ", crossover.faster_below(), " is faster below a delay of ",
            FormatSeconds(crossover.delay_seconds()), ", ", crossover.faster_above(), " above")));
  }
  if (sweep.crossovers().empty() && sweep.crossover_max_delay_seconds() > 0) {
    absl::StrAppend(&notes, "no crossover: the order of the patterns is the same at every delay ",
                    "up to ", FormatSeconds(sweep.crossover_max_delay_seconds()), "\n");
  }
  return notes.empty() ? "" : "\n" + notes;
}

}  // namespace

std::string SimulateTable(const v1::SimulateReport& report, const std::string& pattern) {
  Table table({{"simulated", Align::kLeft}, {report.model(), Align::kLeft}});
  if (report.has_strategy()) table.AddRow({"strategy", StrategyText(report.strategy())});
  table.AddRow({"pattern", report.has_strategy() ? report.pattern() : pattern});
  table.AddRow({"workers, network",
                absl::StrCat(report.workers(), " x ", report.device(), ", ", report.network())});
  table.AddRow({"step, predicted", StepText(report)});
  table.AddRow({"tokens per second", FormatNumber(report.tokens_per_second())});
  table.AddRow({"on the wire", absl::StrCat(FormatBytes(report.bytes_on_the_wire_per_rank()),
                                            " per step and rank, ", report.sync_points_forward(),
                                            " sync points, ", report.allreduce_algorithm())});
  std::vector<std::string> terms;
  for (const auto& [name, seconds] : BreakdownTerms(report.breakdown_seconds())) {
    if (seconds > 0) terms.push_back(absl::StrCat(name, " ", FormatSeconds(seconds)));
  }
  table.AddRow({"a mean step",
                absl::StrCat(absl::StrJoin(terms, ", "), HiddenText(report.hidden_seconds()))});
  if (report.has_variation())
    table.AddRow({"boards that differ", VariationText(report.variation())});
  if (report.has_heat()) table.AddRow({"heat", HeatText(report.heat())});
  if (report.has_energy()) table.AddRow({"energy", EnergyText(report.energy())});
  table.AddRow({"memory, largest rank", MemoryText(LargestMemory(report))});
  table.AddRow({"fits", FitText(report)});
  table.AddRow({"feasible", report.feasible() ? "yes" : absl::StrCat("no, ", report.reason())});
  return table.Render();
}

std::string SimulateSweepTable(const v1::SimulateSweepReport& sweep,
                               const std::vector<std::string>& patterns) {
  const RowNames names(sweep, patterns);
  return absl::StrCat(Results(sweep, names), Breakdowns(sweep, names), EnergyAndDraws(sweep, names),
                      Notes(sweep, patterns));
}

std::string AllReduceTable(const v1::AllReduceReport& report) {
  const bool drawn = std::any_of(report.rows().begin(), report.rows().end(),
                                 [](const auto& row) { return row.draws() > 1; });
  std::vector<Column> columns = {{"network", Align::kLeft},
                                 {"P"},
                                 {"bytes"},
                                 {"all-reduce", Align::kLeft},
                                 {"time\npredicted"}};
  if (drawn) columns.push_back({"95 % interval\nof the mean"});
  for (const char* header : {"steps", "on the wire\nper rank"}) columns.push_back({header});
  columns.push_back({"", Align::kLeft});
  Table table(columns);
  for (const v1::AllReducePrice& row : report.rows()) {
    std::vector<std::string> marks;
    if (row.cheapest()) marks.push_back("cheapest");
    if (row.chosen_by_auto()) marks.push_back("auto");
    std::vector<std::string> cells = {row.network(), absl::StrCat(row.workers()),
                                      FormatBytes(row.bytes()), row.algorithm(),
                                      FormatSeconds(row.seconds())};
    if (drawn) {
      cells.push_back(row.draws() > 1 ? absl::StrCat(FormatSeconds(row.seconds_low()), " to ",
                                                     FormatSeconds(row.seconds_high()))
                                      : "-");
    }
    cells.push_back(absl::StrCat(row.dependent_steps()));
    cells.push_back(FormatBytes(row.bytes_on_the_wire_per_rank()));
    cells.push_back(absl::StrJoin(marks, ", "));
    table.AddRow(std::move(cells));
  }
  return table.Render();
}

}  // namespace edgetp
