// What runs take of electricity, and what boards that differ make of step times, for the tables of
// simulations and of runs. Pure.
#pragma once

#include <string>
#include <vector>

#include "cli/shared/table.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

// "318 J per step, 0.414 J per token, 177 Wh for 2000 steps (raspberry-pi-5: from watts alone: ...)".
std::string EnergyText(const v1::Energy& energy);

// "8.86 s p50, 9.12 s p99 over 20 draws of boards that differ by 24 %", or why there are none.
std::string VariationText(const v1::Variation& variation);

// "at most 55.3 K above the surroundings; 41 % of the steps throttled, from 5m12s on".
std::string HeatText(const v1::Heat& heat);

// One row of a table of several. Null: not known.
struct EnergyRow {
  std::vector<std::string> names;
  const v1::Energy* energy = nullptr;
  const v1::Variation* variation = nullptr;
};

// A table with a heading; columns only for what a row knows, empty where none knows anything.
// `names`: the columns that tell rows apart. `whence`: "simulated" or "measured".
std::string EnergyTable(const std::vector<Column>& names, const std::vector<EnergyRow>& rows,
                        const std::string& whence);

// The same of the runs of a sweep; `patterns`: as typed, one per row.
std::string SweepEnergyTable(const v1::SweepReport& sweep,
                             const std::vector<std::string>& patterns);

}  // namespace edgetp
