// Pipelines: which layers each stage has, and in which order it does its micro-batches. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace edgetp {

enum class PipelineSchedule : uint8_t {
  kGpipe,  // all forward passes, then all backward passes (Huang et al., 1811.06965)
  k1F1B,   // after a warm-up one of each in turn (Narayanan et al., PipeDream-Flush, 2006.09503)
};

// "gpipe", "1f1b".
const char* NameOf(PipelineSchedule schedule);

// In any case.
// Errors: InvalidArgument with both names.
absl::StatusOr<PipelineSchedule> ParsePipelineSchedule(const std::string& text);

struct PipelinePass {
  bool forward = true;
  int micro_batch = 0;

  bool operator==(const PipelinePass& other) const = default;
};

// What stage `stage` does in a step, in order. Both schedules do each micro-batch's passes in the
// order of the micro-batches.
std::vector<PipelinePass> PassesOf(PipelineSchedule schedule, int stages, int stage,
                                   int micro_batches);

// Of how many micro-batches a stage keeps activations at once, at most: of all, or with 1F1B of as
// many as there are stages from this one on.
int MicroBatchesKept(PipelineSchedule schedule, int stages, int stage, int micro_batches);

// What a stage has beside its layers, in layers: the embedding of the first, the head of the last.
struct StageExtras {
  double first = 0;
  double last = 0;
};

// How many layers each stage has, at least one: those for which the slowest stage is as fast as it
// can be, by `speeds` of the stages (in proportion). Earlier stages win ties.
// Errors: InvalidArgument for more stages than layers.
absl::StatusOr<std::vector<int>> CutLayers(int layers, const std::vector<double>& speeds,
                                           const StageExtras& extras);

}  // namespace edgetp
