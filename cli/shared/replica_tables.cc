#include "cli/shared/replica_tables.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "cli/shared/format.h"
#include "common/config/units.h"

namespace edgetp {
namespace {

bool IsLocal(const v1::RunSummary& run) { return run.strategy() == "local"; }

// Most steps of local replicas exchange nothing: their median says little.
double ComparedStep(const v1::RunSummary& run) {
  return IsLocal(run) ? run.mean_step_seconds() : run.step_seconds().median();
}

}  // namespace

double StepRatio(const v1::RunSummary& run, const v1::RunSummary& baseline) {
  const double steps = ComparedStep(run) / ComparedStep(baseline);
  if (run.tokens_per_step() == baseline.tokens_per_step() || run.tokens_per_step() == 0)
    return steps;
  return steps * baseline.tokens_per_step() / run.tokens_per_step();
}

std::string StrategyText(const v1::RunSummary& run) {
  if (run.strategy().empty() || run.strategy() == "tensor") return "";
  return absl::StrCat(run.strategy(), ": ", run.workers(), " replicas, ",
                      FormatCount(run.tokens_per_step()), " tokens per step together");
}

std::string StrategyNotes(const v1::SweepReport& sweep, const std::vector<std::string>& patterns) {
  std::string notes;
  std::set<double> tokens;
  for (int i = 0; i < sweep.rows_size(); ++i) {
    const v1::RunSummary& run = sweep.rows(i);
    if (run.mean_step_seconds() == 0) continue;
    tokens.insert(run.tokens_per_step());
    if (!IsLocal(run)) continue;
    absl::StrAppend(&notes, "\n", patterns[i], " on ", run.network(),
                    ": the mean step, exchanges included, takes ",
                    FormatSeconds(run.mean_step_seconds()));
  }
  if (tokens.size() > 1) {
    absl::StrAppend(&notes, "\nSteps have different numbers of tokens: time saved is per token.");
  }
  return notes.empty() ? "" : notes + "\n";
}

}  // namespace edgetp
