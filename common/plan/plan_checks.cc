#include "common/plan/plan_checks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

constexpr double kMaxSteps = 1 << 25;

// How many steps a block has at most in each direction.
int StepsOf(const PatternBlock& block, const Overlap& overlap) {
  const bool none = overlap.kind == OverlapKind::kNone;
  const int sums = SlackOf(block) > 0 || !none ? 2 : 1;  // a late one is started and waited for
  const int computations = overlap.kind == OverlapKind::kWeightGradients ? 2 : 1;
  return static_cast<int>(StagesOf(block).size()) * (computations + sums) * overlap.rows;
}

}  // namespace

absl::Status CheckSizes(const PlanOptions& options) {
  const ModelShape& shape = options.shape;
  const std::pair<const char*, int> sizes[] = {
      {"layers", shape.layers},
      {"heads", shape.heads},
      {"channels", shape.channels},
      {"sequence", shape.sequence},
      {"vocabulary", shape.vocabulary},
      {"batch", options.batch},
      {"micro_batches", options.micro_batches},
      {"overlap.rows", options.overlap.rows},
  };
  for (const auto& [name, value] : sizes) {
    if (value < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("step plan: ", name, "=", value, ": must be at least 1"));
    }
  }
  if (shape.channels % shape.heads != 0) {
    return absl::InvalidArgumentError(absl::StrCat("step plan: channels=", shape.channels,
                                                   " must be a multiple of heads=", shape.heads));
  }
  if (options.pattern.layers() != shape.layers) {
    return absl::InvalidArgumentError(
        absl::StrCat("step plan: the pattern has ", options.pattern.layers(),
                     " blocks, but the model has ", shape.layers, " layers"));
  }
  RETURN_IF_ERROR(Annotate(options.pattern.CheckChannels(shape.channels), "step plan"));
  RETURN_IF_ERROR(CheckRows(options.overlap, options.batch));
  if (options.recompute == Recompute::kStages && options.overlap.kind == OverlapKind::kRows)
    return absl::InvalidArgumentError("step plan: nothing is recomputed with overlap ROWS");
  // 2^40 float32 are 4 TiB in one message: beyond it, byte counts would leave int64 before anything
  // could run.
  const double elements = static_cast<double>(options.batch) * shape.sequence * shape.channels;
  if (elements > 0x1p40) {
    return absl::InvalidArgumentError(absl::StrCat(
        "step plan: batch * sequence * channels = ", elements, ": must be at most 2^40"));
  }
  return absl::OkStatus();
}

absl::Status CheckSteps(const PlanOptions& options, int updates) {
  int most = 4;
  for (const PatternBlock& block : options.pattern.blocks())
    most = std::max(most, StepsOf(block, options.overlap));
  const double steps =
      2.0 * most * options.shape.layers * options.micro_batches * options.world_size * updates;
  if (steps <= kMaxSteps) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("step plan: too large to be kept: ", 2 * most,
                                                 " * layers * micro_batches * workers = ", steps,
                                                 ": must be at most 2^25"));
}

absl::Status CheckStepCount(double steps) {
  if (steps <= kMaxSteps) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "step plan: too large to be kept: steps of all ranks = ", steps, ": must be at most 2^25"));
}

}  // namespace edgetp
