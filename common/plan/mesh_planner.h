// The step plan of a mesh: replicas that exchange gradients or weights, stages that pass on
// activations, shards that sum them. Used by strategy.cc. Pure.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/strategy.h"

namespace edgetp {

// Within a replica, ranks do what RankPlanner says for their stage; what joins them:
//   * A stage receives the activations (B, T, C) of a micro-batch before its forward pass and sends
//     its own on after it, and gradients the other way round (kSend). Of ranks that share a stage's
//     tensors, each sends to the one in its place.
//   * `data`: gradients are summed over the replicas in buckets (data_parallel.h), started under
//     the last backward pass; in a pipeline after it: a stage's gradients must not wait for them.
//   * `local`: inner_steps steps, then the outer exchange.
//   * Once per step: the gradient of an embedding that is the output matrix, too, over the first
//     and the last stage; partial gradients over a stage's ranks; the scalar of the gradient's norm
//     over a replica's ranks.
// `stage_layers`: of each stage.
// Errors: those of BuildStepPlan.
absl::StatusOr<StepPlan> BuildMeshPlan(const StrategyOptions& options, const Mesh& mesh,
                                       Replicas exchange, const std::vector<int>& stage_layers);

}  // namespace edgetp
