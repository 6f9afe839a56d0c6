#include "common/published/training_plan.h"

#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/published_rows.h"
#include "common/plan/strategy.h"

namespace edgetp {
namespace {

std::string StrategyOf(const TrainingSizes& sizes) {
  if (sizes.ranks() == 1) return "one";
  if (sizes.pipeline == 1) return "tensor";
  if (sizes.tensor == 1) return "pipeline";
  return absl::StrCat("pipeline=", sizes.pipeline, ",tensor=", sizes.tensor);
}

absl::StatusOr<StrategyOptions> OptionsOf(const v1::PublishedTraining& work) {
  const TrainingSizes sizes(work);
  StrategyOptions options;
  options.strategy = StrategyOf(sizes);
  options.schedule = work.schedule() == v1::PublishedTraining::SCHEDULE_1F1B
                         ? PipelineSchedule::k1F1B
                         : PipelineSchedule::kGpipe;
  if (sizes.pipeline > 1)
    options.stage_layers.assign(sizes.pipeline, work.layers() / sizes.pipeline);
  PlanOptions& plan = options.plan;
  plan.shape = {.layers = work.layers(),
                .heads = work.channels() / kPublishedHeadSize,
                .channels = work.channels(),
                .sequence = work.sequence(),
                .vocabulary = 1,
                .tied_head = false};
  ASSIGN_OR_RETURN(plan.pattern, Pattern::Parse(absl::StrCat("t*", work.layers()), work.layers()));
  plan.world_size = sizes.ranks();
  plan.batch = sizes.sequences;
  plan.micro_batches = work.micro_batches();
  plan.recompute = work.recompute() ? Recompute::kPasses : Recompute::kNone;
  ASSIGN_OR_RETURN(plan.wire_forward, WireFormat::Parse(work.has_wire() ? work.wire() : "fp32"));
  plan.wire_backward = plan.wire_forward;
  return options;
}

// The sum of the gradient's norm.
bool IsScalar(const PlanStep& step) {
  const auto* entry = std::get_if<CollectiveStep>(&step);
  return entry != nullptr && entry->tag.traffic == TrafficClass::kScalar;
}

}  // namespace

TrainingSizes::TrainingSizes(const v1::PublishedTraining& work)
    : pipeline(work.has_pipeline() ? work.pipeline() : 1),
      tensor(work.has_tensor() ? work.tensor() : 1),
      data(work.has_data() ? work.data() : 1),
      sequences(work.has_sequences() ? work.sequences() : 1) {}

absl::StatusOr<StepPlan> BuildTrainingPlan(const v1::PublishedTraining& work) {
  ASSIGN_OR_RETURN(const StrategyOptions options, OptionsOf(work));
  ASSIGN_OR_RETURN(StrategyPlan strategy, BuildStrategyPlan(options));
  for (std::vector<PlanStep>& steps : strategy.plan.steps) std::erase_if(steps, IsScalar);
  return std::move(strategy.plan);
}

}  // namespace edgetp
