// A rank's place in its group and the one way in which the model sums tensors over ranks. Shared by
// all blocks of a model; used by one thread at a time (autograd's, during backward()).
#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/plan/shard_map.h"
#include "worker/model/communicator.h"
#include "worker/model/copy_engine.h"
#include "worker/model/deferred_products.h"
#include "worker/model/staging_pool.h"
#include "worker/model/torch.h"

namespace edgetp {

// Unwinds forward() or backward() after a failed collective. Carries nothing: autograd may copy or
// wrap exceptions on their way, so the Status waits in ParallelContext::status().
class CollectiveError : public std::exception {
 public:
  const char* what() const noexcept override { return "a collective failed"; }
};

class ParallelContext {
 public:
  // `communicator` must outlive the context. `defers_weight_gradients`: overlap DW. `copies`: where
  // tensors are an accelerator's, what brings them to the host and back; null on a CPU.
  ParallelContext(Communicator* communicator, const Shard& shard,
                  bool defers_weight_gradients = false,
                  std::unique_ptr<CopyEngine> copies = nullptr)
      : communicator_(communicator),
        rank_(communicator->rank()),
        world_size_(communicator->world_size()),
        shard_(shard),
        products_(defers_weight_gradients),
        copies_(std::move(copies)),
        staging_(torch::TensorOptions()
                     .dtype(torch::kFloat)
                     .pinned_memory(torch::cuda::is_available())) {}

  int rank() const { return rank_; }
  int world_size() const { return world_size_; }
  const Shard& shard() const { return shard_; }

  // Replaces `tensor` by its sum over ranks, or what else tag.reduction says; at world size 1 does
  // nothing. Tensors of an accelerator are staged through pinned host memory, piece by piece while
  // others are exchanged, and in the wire format where that rounds each element by itself.
  // Shapes: any; contiguous float32. Throws CollectiveError; after the first failure every call
  // throws at once, without communicating.
  void AllReduce(const CollectiveTag& tag, const torch::Tensor& tensor);

  // The same in two calls: what is computed between them hides the exchange. Nothing may touch or
  // free `tensor` until Finish or Abandon; one of them must be called once for each Start that did not
  // throw. Throws as AllReduce does.
  struct Staged {
    torch::Tensor buffer;      // of staging_, where the tensor is an accelerator's
    absl::Span<float> values;  // what is exchanged: there, or of the tensor itself
  };
  struct Pending {
    torch::Tensor tensor;
    Staged staged;
    int64_t handle = 0;
  };
  Pending Start(const CollectiveTag& tag, const torch::Tensor& tensor);
  void Finish(const Pending& pending);
  // Instead of Finish while exceptions unwind the rest: waits, whatever becomes of the sum.
  void Abandon(const Pending& pending);

  // Of the regions whose input's gradient has not been summed yet.
  DeferredProducts& products() { return products_; }

  // Brings every rank's part of `host`, of counts[rank] elements one after another, to rank 0; at
  // world size 1 does nothing.
  // Shapes: (sum of counts); contiguous float32 in host memory. Throws as AllReduce does.
  void Gather(const CollectiveTag& tag, const std::vector<int64_t>& counts,
              const torch::Tensor& host);

  // The first failure of a collective, as the communicator returned it.
  const absl::Status& status() const { return status_; }

 private:
  static absl::Span<float> ValuesOf(const torch::Tensor& host);
  // AllReduce of an accelerator's tensor.
  absl::Status AllReducePieces(const CollectiveTag& tag, const torch::Tensor& tensor);
  // Between a tensor and the host memory through which it is exchanged: its own, on a CPU.
  Staged Stage(const torch::Tensor& tensor);
  void Unstage(const torch::Tensor& tensor, const Staged& staged);
  static void Synchronize(const torch::Tensor& tensor);

  Communicator* const communicator_;
  const int rank_;
  const int world_size_;
  const Shard shard_;
  DeferredProducts products_;
  const std::unique_ptr<CopyEngine> copies_;
  StagingPool staging_;
  absl::Status status_;
};

}  // namespace edgetp
