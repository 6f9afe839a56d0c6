#include "worker/model/parallel_context.h"

#include <cstddef>
#include <string>

#include "worker/model/piece_staging.h"

namespace edgetp {
namespace {

// What an accelerator converts to as the format does: to the nearest, even where there are two.
torch::ScalarType TypeOf(const WireFormat& wire) {
  const std::string name = wire.name();
  if (name == "bf16") return torch::kBFloat16;
  return name == "fp16" ? torch::kHalf : torch::kFloat;
}

int64_t FloatsOf(int64_t bytes) {
  constexpr auto kBytes = static_cast<int64_t>(sizeof(float));
  return (bytes + kBytes - 1) / kBytes;
}

}  // namespace

void ParallelContext::AllReduce(const CollectiveTag& tag, const torch::Tensor& tensor) {
  if (world_size_ == 1) return;
  if (status_.ok()) {
    status_ = copies_ == nullptr ? communicator_->AllReduce(tag, ValuesOf(tensor))
                                 : AllReducePieces(tag, tensor);
  }
  if (!status_.ok()) throw CollectiveError();
}

absl::Span<float> ParallelContext::ValuesOf(const torch::Tensor& host) {
  return absl::MakeSpan(host.data_ptr<float>(), static_cast<size_t>(host.numel()));
}

absl::Status ParallelContext::AllReducePieces(const CollectiveTag& tag,
                                              const torch::Tensor& tensor) {
  torch::NoGradGuard no_grad;
  const int64_t count = tensor.numel();
  const torch::ScalarType format = TypeOf(communicator_->RoundsTo(tag));
  const bool converts = format != torch::kFloat;
  const torch::Tensor device = tensor.detach().to(format);
  if (!tensor.device().is_cpu()) Synchronize(tensor);
  communicator_->BeginStaging();
  const torch::Tensor buffer = staging_.Take(count);
  const auto element_bytes = static_cast<int64_t>(device.element_size());
  const torch::Tensor encoded = converts ? staging_.Take(FloatsOf(count * element_bytes)) : buffer;
  absl::Status status;
  {
    // Whatever happens, no copy goes on when the buffers are dropped.
    PieceStaging pieces(copies_.get(), {.device = static_cast<std::byte*>(device.data_ptr()),
                                        .host = static_cast<std::byte*>(encoded.data_ptr()),
                                        .elements = count,
                                        .element_bytes = element_bytes});
    status = communicator_->AllReduceStaged(tag, ValuesOf(buffer).subspan(0, count), pieces);
    if (status.ok()) status = pieces.Finish();
  }
  if (!status.ok()) return status;
  if (converts) tensor.detach().copy_(device);
  communicator_->EndStaging();
  staging_.Return(buffer);
  if (converts) staging_.Return(encoded);
  return status;
}

ParallelContext::Pending ParallelContext::Start(const CollectiveTag& tag,
                                                const torch::Tensor& tensor) {
  Pending pending{tensor};
  if (world_size_ == 1) return pending;
  pending.staged = Stage(tensor);
  if (status_.ok()) {
    const absl::StatusOr<int64_t> handle = communicator_->Start(tag, pending.staged.values);
    status_ = handle.status();
    pending.handle = handle.value_or(0);
  }
  if (!status_.ok()) throw CollectiveError();
  return pending;
}

void ParallelContext::Finish(const Pending& pending) {
  if (world_size_ == 1) return;
  if (pending.staged.buffer.defined()) Synchronize(pending.tensor);
  const absl::Status status = communicator_->Wait(pending.handle);  // of a failed group, too
  if (status_.ok()) status_ = status;
  if (!status_.ok()) throw CollectiveError();
  Unstage(pending.tensor, pending.staged);
}

// The copy that follows would wait for it, too: what the accelerator still has to do is computing.
void ParallelContext::Synchronize(const torch::Tensor& tensor) {
  torch::cuda::synchronize(tensor.device().index());
}

ParallelContext::Staged ParallelContext::Stage(const torch::Tensor& tensor) {
  const int64_t count = tensor.numel();
  Staged staged;
  torch::Tensor host = tensor;
  if (!tensor.device().is_cpu()) {
    torch::NoGradGuard no_grad;
    Synchronize(tensor);
    communicator_->BeginStaging();
    staged.buffer = staging_.Take(count);
    host = staged.buffer.narrow(0, 0, count);
    host.copy_(tensor.detach().view({count}));
  }
  staged.values = ValuesOf(host);
  return staged;
}

void ParallelContext::Unstage(const torch::Tensor& tensor, const Staged& staged) {
  if (!staged.buffer.defined()) return;
  torch::NoGradGuard no_grad;
  const int64_t count = tensor.numel();
  tensor.detach().view({count}).copy_(staged.buffer.narrow(0, 0, count));
  communicator_->EndStaging();
  staging_.Return(staged.buffer);
}

void ParallelContext::Abandon(const Pending& pending) {
  if (world_size_ > 1) communicator_->Wait(pending.handle).IgnoreError();  // the first error counts
}

void ParallelContext::Gather(const CollectiveTag& tag, const std::vector<int64_t>& counts,
                             const torch::Tensor& host) {
  if (world_size_ == 1) return;
  if (status_.ok()) {
    status_ = communicator_->Gather(tag, counts, ValuesOf(host));
  }
  if (!status_.ok()) throw CollectiveError();
}

}  // namespace edgetp
