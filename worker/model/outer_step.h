// The outer step of replicas that train by themselves for some steps (strategy `local`): the mean
// over ranks of what the weights have moved is a gradient, and Nesterov's momentum goes one step
// with it.
// Source: DiLoCo, arXiv 2311.08105, algorithm 1.
#pragma once

#include "common/plan/data_parallel.h"
#include "worker/model/parallel_context.h"
#include "worker/model/parameter_store.h"

namespace edgetp {

//   g = mean over ranks of (common - values);  v = momentum * v + g
//   common = common - rate * (g + momentum * v);  values = common
// One all-reduce of all elements (grad_sync, Phase::kOptimizer). Afterwards values, common and v
// are the same bits on every rank; the store's gradients are overwritten. Throws CollectiveError.
void TakeOuterStep(const ReplicaOptions& options, ParallelContext& ranks, ParameterStore& store);

// The weights are what all ranks have, from a file or the seed: the first outer step begins here.
void BeginOuterSteps(ParameterStore& store);

}  // namespace edgetp
