// The optimizer's moments of replicas that train by themselves (strategy `local`): every rank has
// its own, and a checkpoint holds them all, so that a run goes on as it would have.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "common/data/stored_tensor.h"
#include "worker/model/parallel_context.h"
#include "worker/model/parameter_store.h"

namespace edgetp {

// Before the names of tensors that have a row for each rank: "optimizer.replicas.exp_avg.wte.weight".
inline constexpr char kReplicasPrefix[] = "optimizer.replicas.";

// What GatherReplicaMoments sends. At world size 1 there are none beside those that every checkpoint
// has. Shapes: (ranks, parameter's own).
std::vector<TensorInfo> ReplicaMoments(const ParallelContext& ranks, const ParameterStore& store);

// Brings the moments of all ranks to rank 0 (class control), tensor by tensor; all ranks call, `sink`
// gets the values on rank 0 alone. Throws CollectiveError.
// Errors: the first one of `sink`. All ranks go on to the end all the same.
absl::Status GatherReplicaMoments(ParallelContext& ranks, const ParameterStore& store,
                                  const ValueSink& sink);

// Goes on from what GatherReplicaMoments gave; other tensors are ignored. A rank that was not among
// those keeps what it has.
// Errors: InvalidArgument naming a tensor that is none of this model's; nothing is changed then.
// Those of reading.
absl::Status TakeReplicaMoments(const std::vector<StoredTensor>& tensors, int rank,
                                ParameterStore& store);

}  // namespace edgetp
