#include "worker/model/parallel_context.h"

namespace edgetp {

void ParallelContext::AllReduce(const CollectiveTag& tag, const torch::Tensor& tensor) {
  if (world_size_ == 1) return;
  const int64_t count = tensor.numel();
  if (tensor.device().is_cpu()) {
    ReduceHost(tag, tensor.data_ptr<float>(), count);
    return;
  }
  torch::NoGradGuard no_grad;
  // The copy would wait for it, too: what the accelerator still has to do is computing.
  torch::cuda::synchronize(tensor.device().index());
  communicator_->BeginStaging();
  if (!staging_.defined() || staging_.numel() < count) {
    staging_ =
        torch::empty({count}, torch::TensorOptions().dtype(torch::kFloat).pinned_memory(true));
  }
  const torch::Tensor host = staging_.narrow(0, 0, count);
  const torch::Tensor device = tensor.detach().view({count});
  host.copy_(device);
  ReduceHost(tag, host.data_ptr<float>(), count);
  device.copy_(host);
  communicator_->EndStaging();
}

ParallelContext::Pending ParallelContext::Start(const CollectiveTag& tag,
                                                const torch::Tensor& tensor) {
  Pending pending{tensor};
  if (world_size_ == 1) return pending;
  const auto count = static_cast<size_t>(tensor.numel());
  torch::Tensor source = tensor;
  if (!tensor.device().is_cpu()) {
    torch::NoGradGuard no_grad;
    torch::cuda::synchronize(tensor.device().index());
    communicator_->BeginStaging();
    pending.host = torch::empty(tensor.sizes(),
                                torch::TensorOptions().dtype(torch::kFloat).pinned_memory(true));
    pending.host.copy_(tensor.detach());
    source = pending.host;
  }
  if (status_.ok()) {
    const absl::StatusOr<int64_t> handle =
        communicator_->Start(tag, absl::MakeSpan(source.data_ptr<float>(), count));
    status_ = handle.status();
    pending.handle = handle.value_or(0);
  }
  if (!status_.ok()) throw CollectiveError();
  return pending;
}

void ParallelContext::Finish(const Pending& pending) {
  if (world_size_ == 1) return;
  // The copy back would wait for it, too: what the accelerator still has to do is computing.
  if (pending.host.defined()) torch::cuda::synchronize(pending.tensor.device().index());
  const absl::Status status = communicator_->Wait(pending.handle);  // of a failed group, too
  if (status_.ok()) status_ = status;
  if (!status_.ok()) throw CollectiveError();
  if (!pending.host.defined()) return;
  torch::NoGradGuard no_grad;
  pending.tensor.detach().copy_(pending.host);
  communicator_->EndStaging();
}

void ParallelContext::Abandon(const Pending& pending) {
  if (world_size_ > 1) communicator_->Wait(pending.handle).IgnoreError();  // the first error counts
}

void ParallelContext::Gather(const CollectiveTag& tag, const std::vector<int64_t>& counts,
                             const torch::Tensor& host) {
  if (world_size_ == 1) return;
  if (status_.ok()) {
    const auto size = static_cast<size_t>(host.numel());
    status_ = communicator_->Gather(tag, counts, absl::MakeSpan(host.data_ptr<float>(), size));
  }
  if (!status_.ok()) throw CollectiveError();
}

void ParallelContext::ReduceHost(const CollectiveTag& tag, float* data, int64_t count) {
  if (status_.ok())
    status_ = communicator_->AllReduce(tag, absl::MakeSpan(data, static_cast<size_t>(count)));
  if (!status_.ok()) throw CollectiveError();
}

}  // namespace edgetp
