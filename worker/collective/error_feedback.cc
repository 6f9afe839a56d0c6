#include "worker/collective/error_feedback.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"
#include "common/data/gpt2_weights.h"

namespace edgetp {
namespace {

absl::Status NoResidual(const NamedTensor& tensor) {
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor ", tensor.name, " is not what error feedback has kept: it needs the name ",
      kResidualPrefix, "N and the shape (ranks, elements)"));
}

// The rank's share of a (ranks, elements) tensor.
std::vector<float> ShareOf(const NamedTensor& tensor, int rank, int world_size) {
  const int64_t ranks = tensor.shape[0], elements = tensor.shape[1];
  const auto row = [&](int64_t index) { return tensor.values.begin() + index * elements; };
  if (ranks == world_size) return {row(rank), row(rank + 1)};
  if (rank != 0) return {};
  std::vector<float> sum(elements);
  for (int64_t other = 0; other < ranks; ++other)
    std::transform(sum.begin(), sum.end(), row(other), sum.begin(), std::plus<>());
  return sum;
}

}  // namespace

absl::Span<float> ErrorFeedback::Begin(size_t site, absl::Span<float> data) {
  std::vector<float>& residual = residuals_[site];
  if (auto restored = restored_.extract(site)) residual = std::move(restored.mapped());
  if (residual.size() == data.size()) {
    for (size_t i = 0; i < data.size(); ++i) data[i] += residual[i];
  }
  residual.assign(data.size(), 0.0f);
  return absl::MakeSpan(residual);
}

absl::StatusOr<std::vector<NamedTensor>> ErrorFeedback::Gather(Communicator* communicator) const {
  const int64_t ranks = communicator->world_size();
  std::vector<NamedTensor> tensors;
  for (const auto& [site, residual] : residuals_) {
    const auto elements = static_cast<int64_t>(residual.size());
    NamedTensor tensor{absl::StrCat(kResidualPrefix, site), {ranks, elements}, {}};
    tensor.values.resize(ranks * elements);
    std::copy(residual.begin(), residual.end(),
              tensor.values.begin() + communicator->rank() * elements);
    RETURN_IF_ERROR(communicator->Gather({TrafficClass::kControl, Phase::kOptimizer, -1},
                                         std::vector<int64_t>(ranks, elements),
                                         absl::MakeSpan(tensor.values)));
    if (communicator->rank() == 0) tensors.push_back(std::move(tensor));
  }
  return tensors;
}

absl::Status ErrorFeedback::Restore(const std::vector<NamedTensor>& tensors, int rank,
                                    int world_size) {
  Residuals restored;
  for (const NamedTensor& tensor : tensors) {
    absl::string_view name = tensor.name;
    size_t site = 0;
    if (!absl::ConsumePrefix(&name, kResidualPrefix) || !absl::SimpleAtoi(name, &site) ||
        tensor.shape.size() != 2)
      return NoResidual(tensor);
    restored[site] = ShareOf(tensor, rank, world_size);
  }
  restored_ = std::move(restored);
  return absl::OkStatus();
}

}  // namespace edgetp
