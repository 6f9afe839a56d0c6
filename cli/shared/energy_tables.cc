#include "cli/shared/energy_tables.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/shared/format.h"

namespace edgetp {
namespace {

constexpr const char* kEnergyHeaders[] = {"J per\nstep", "J per\ntoken", "mean\nW", "Wh per\nrun"};
constexpr const char* kDrawHeaders[] = {"boards\np50", "boards\np99"};

bool HasDraws(const EnergyRow& row) {
  return row.variation != nullptr && row.variation->draws() > 0;
}

// Below the table: what was assumed, and what was not drawn, each once.
std::string Notes(const std::vector<EnergyRow>& rows) {
  std::vector<std::string> notes;
  std::set<std::string> told;
  const auto tell = [&](const std::string& note) {
    if (!note.empty() && told.insert(note).second) notes.push_back(note);
  };
  for (const EnergyRow& row : rows) {
    if (row.energy != nullptr) {
      tell(absl::StrCat("a run has ", row.energy->run_steps(), " steps"));
      for (const std::string& note : row.energy->notes()) tell(note);
    }
    if (HasDraws(row)) tell(absl::StrCat("boards: ", row.variation->draws(), " draws"));
    if (row.variation != nullptr && row.variation->draws() == 0)
      tell(absl::StrCat("boards that differ: ", row.variation->note()));
  }
  std::string text;
  for (const std::string& note : notes) absl::StrAppend(&text, "note: ", note, "\n");
  return text;
}

std::string Heading(bool energy, bool draws, const std::string& whence) {
  if (!energy) return "\nStep times over draws of boards that differ (simulated):\n\n";
  return absl::StrCat("\nEnergy of all ranks, waiting included (", whence, " times)",
                      draws ? ", and draws of boards that differ:\n\n" : ":\n\n");
}

template <size_t N>
void AddHeaders(const char* const (&headers)[N], std::vector<Column>* columns) {
  for (const char* header : headers) columns->push_back({header});
}

void AddEnergyCells(const v1::Energy* energy, std::vector<std::string>* cells) {
  if (energy == nullptr) {
    cells->insert(cells->end(), std::size(kEnergyHeaders), "-");
    return;
  }
  for (const double value : {energy->joules_per_step(), energy->joules_per_token(),
                             energy->mean_watts(), energy->watt_hours_per_run()})
    cells->push_back(FormatNumber(value));
}

void AddDrawCells(const EnergyRow& row, std::vector<std::string>* cells) {
  if (!HasDraws(row)) {
    cells->insert(cells->end(), std::size(kDrawHeaders), "-");
    return;
  }
  cells->push_back(FormatSeconds(row.variation->step_seconds_p50()));
  cells->push_back(FormatSeconds(row.variation->step_seconds_p99()));
}

}  // namespace

std::string EnergyText(const v1::Energy& energy) {
  std::string text = absl::StrCat(FormatNumber(energy.joules_per_step()), " J per step, ",
                                  FormatNumber(energy.joules_per_token()), " J per token, ",
                                  FormatNumber(energy.watt_hours_per_run()), " Wh for ",
                                  energy.run_steps(), energy.run_steps() == 1 ? " step" : " steps");
  if (!energy.notes().empty())
    absl::StrAppend(&text, " (", absl::StrJoin(energy.notes(), "; "), ")");
  return text;
}

std::string VariationText(const v1::Variation& variation) {
  if (variation.draws() == 0) return variation.note();
  return absl::StrFormat("%s p50, %s p99 over %d %s of boards that differ by %.3g %%",
                         FormatSeconds(variation.step_seconds_p50()),
                         FormatSeconds(variation.step_seconds_p99()), variation.draws(),
                         variation.draws() == 1 ? "draw" : "draws", 100 * variation.variability());
}

std::string HeatText(const v1::Heat& heat) {
  std::string text =
      absl::StrFormat("at most %.3g K above the surroundings; ", heat.highest_kelvin());
  if (!heat.has_throttled_after_seconds()) return text + "no step throttled";
  return absl::StrFormat("%s%.3g %% of the steps throttled, from %s on", text,
                         100 * heat.throttled_share(),
                         FormatSeconds(heat.throttled_after_seconds()));
}

std::string EnergyTable(const std::vector<Column>& names, const std::vector<EnergyRow>& rows,
                        const std::string& whence) {
  const bool energy = std::any_of(rows.begin(), rows.end(),
                                  [](const EnergyRow& row) { return row.energy != nullptr; });
  const bool draws = std::any_of(rows.begin(), rows.end(), HasDraws);
  const std::string notes = Notes(rows);
  if (!energy && !draws) return notes.empty() ? "" : "\n" + notes;
  std::vector<Column> columns = names;
  if (energy) AddHeaders(kEnergyHeaders, &columns);
  if (draws) AddHeaders(kDrawHeaders, &columns);
  Table table(std::move(columns));
  for (const EnergyRow& row : rows) {
    std::vector<std::string> cells = row.names;
    if (energy) AddEnergyCells(row.energy, &cells);
    if (draws) AddDrawCells(row, &cells);
    table.AddRow(std::move(cells));
  }
  return absl::StrCat(Heading(energy, draws, whence), table.Render(), notes);
}

std::string SweepEnergyTable(const v1::SweepReport& sweep,
                             const std::vector<std::string>& patterns) {
  std::vector<EnergyRow> rows;
  bool simulated = false;
  for (int i = 0; i < sweep.rows_size(); ++i) {
    const v1::RunSummary& run = sweep.rows(i);
    simulated = simulated || run.has_host_seconds();
    rows.push_back({{run.network(), patterns[i], absl::StrCat(run.workers())},
                    run.has_energy() ? &run.energy() : nullptr});
  }
  return EnergyTable({{"network", Align::kLeft}, {"pattern", Align::kLeft}, {"P"}}, rows,
                     simulated ? "simulated" : "measured");
}

}  // namespace edgetp
