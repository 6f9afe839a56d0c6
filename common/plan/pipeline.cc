#include "common/plan/pipeline.h"

#include <algorithm>
#include <compare>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

// Passes that a stage does before its first backward pass.
int WarmUp(PipelineSchedule schedule, int stages, int stage, int micro_batches) {
  if (schedule == PipelineSchedule::kGpipe) return micro_batches;
  return std::min(stages - stage, micro_batches);
}

// How good a cut is: lower is better.
struct CutCost {
  double slowest = 0;
  double squares = 0;  // of all stages: the sum is smallest where they are alike
  auto operator<=>(const CutCost& other) const = default;
};

CutCost With(const CutCost& cost, double stage) {
  return {std::max(cost.slowest, stage), cost.squares + stage * stage};
}

}  // namespace

const char* NameOf(PipelineSchedule schedule) {
  return schedule == PipelineSchedule::kGpipe ? "gpipe" : "1f1b";
}

absl::StatusOr<PipelineSchedule> ParsePipelineSchedule(const std::string& text) {
  for (const PipelineSchedule schedule : {PipelineSchedule::kGpipe, PipelineSchedule::k1F1B}) {
    if (absl::AsciiStrToLower(text) == NameOf(schedule)) return schedule;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("pipeline schedule: unknown name \"", text, "\" (known: gpipe, 1f1b)"));
}

std::vector<PipelinePass> PassesOf(PipelineSchedule schedule, int stages, int stage,
                                   int micro_batches) {
  std::vector<PipelinePass> passes;
  int forward = 0, backward = 0;
  while (forward < WarmUp(schedule, stages, stage, micro_batches))
    passes.push_back({true, forward++});
  while (backward < micro_batches) {
    passes.push_back({false, backward++});
    if (forward < micro_batches) passes.push_back({true, forward++});
  }
  return passes;
}

int MicroBatchesKept(PipelineSchedule schedule, int stages, int stage, int micro_batches) {
  return WarmUp(schedule, stages, stage, micro_batches);
}

// best[s][n]: the first s stages have n layers.
absl::StatusOr<std::vector<int>> CutLayers(int layers, const std::vector<double>& speeds,
                                           const StageExtras& extras) {
  const int stages = static_cast<int>(speeds.size());
  if (stages > layers) {
    return absl::InvalidArgumentError(absl::StrCat("pipeline: ", stages,
                                                   " stages, but the model has ", layers,
                                                   " layers: every stage needs one"));
  }
  const auto time = [&](int stage, int own) {
    const double extra = (stage == 0 ? extras.first : 0) + (stage == stages - 1 ? extras.last : 0);
    return (own + extra) / speeds[stage];
  };
  std::vector<std::vector<CutCost>> best(stages + 1, std::vector<CutCost>(layers + 1));
  std::vector<std::vector<int>> own_layers(stages + 1, std::vector<int>(layers + 1, 0));
  for (int stage = 0; stage < stages; ++stage) {
    for (int all = stage + 1; all <= layers - (stages - stage - 1); ++all) {
      for (int own = 1; own <= all - stage; ++own) {
        if (stage == 0 && own != all) continue;
        const CutCost cost = With(best[stage][all - own], time(stage, own));
        int& known = own_layers[stage + 1][all];
        if (known != 0 && !(cost < best[stage + 1][all])) continue;
        best[stage + 1][all] = cost;
        known = own;
      }
    }
  }
  std::vector<int> cut(stages);
  for (int stage = stages, left = layers; stage > 0; --stage) {
    cut[stage - 1] = own_layers[stage][left];
    left -= cut[stage - 1];
  }
  return cut;
}

}  // namespace edgetp
