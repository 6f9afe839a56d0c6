#include "common/plan/pipeline.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

// Passes that a stage does before its first backward pass.
int WarmUp(PipelineSchedule schedule, int stages, int stage, int micro_batches) {
  if (schedule == PipelineSchedule::kGpipe) return micro_batches;
  return std::min(stages - stage, micro_batches);
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

// Layer by layer, to the stage that is the fastest with one more: no other cut has a faster slowest
// stage, because the time of a stage grows with its layers and with nothing else.
absl::StatusOr<std::vector<int>> CutLayers(int layers, const std::vector<double>& speeds,
                                           const StageExtras& extras) {
  const size_t stages = speeds.size();
  if (static_cast<size_t>(layers) < stages) {
    return absl::InvalidArgumentError(absl::StrCat("pipeline: ", stages,
                                                   " stages, but the model has ", layers,
                                                   " layers: every stage needs one"));
  }
  std::vector<int> cut(stages, 1);
  const auto with_one_more = [&](size_t stage) {
    const double extra = (stage == 0 ? extras.first : 0) + (stage == stages - 1 ? extras.last : 0);
    return (cut[stage] + 1 + extra) / speeds[stage];
  };
  for (size_t given = stages; given < static_cast<size_t>(layers); ++given) {
    size_t fastest = 0;
    for (size_t stage = 1; stage < stages; ++stage) {
      if (with_one_more(stage) < with_one_more(fastest)) fastest = stage;
    }
    ++cut[fastest];
  }
  return cut;
}

}  // namespace edgetp
