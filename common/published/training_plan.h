// The plan of one training step of a published run: the strategy that it names, without what the
// source's program has not. Pure.
#pragma once

#include "absl/status/statusor.h"
#include "common/plan/step_plan.h"
#include "edgetp/v1/published.pb.h"

namespace edgetp {

// Sizes with their defaults.
struct TrainingSizes {
  explicit TrainingSizes(const v1::PublishedTraining& work);
  int pipeline, tensor, data, sequences;
  int ranks() const { return pipeline * tensor; }  // of one replica
};

// Of one replica: its exchange of gradients with the others comes after it. Layers are `t`, as many in
// each stage. Embedding, head and the gradient's norm are left out.
// Errors: those of WireFormat::Parse and BuildStrategyPlan.
absl::StatusOr<StepPlan> BuildTrainingPlan(const v1::PublishedTraining& work);

}  // namespace edgetp
