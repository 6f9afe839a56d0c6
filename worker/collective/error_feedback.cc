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

absl::Status NoResidual(const StoredTensor& tensor) {
  return absl::InvalidArgumentError(absl::StrCat(
      "tensor ", tensor.name, " is not what error feedback has kept: it needs the name ",
      kResidualPrefix, "N and the shape (ranks, elements)"));
}

// The rank's share of a (ranks, elements) tensor.
absl::StatusOr<std::vector<float>> ShareOf(const StoredTensor& tensor, int rank, int world_size) {
  const int64_t ranks = tensor.shape[0], elements = tensor.shape[1];
  std::vector<float> share;
  if (ranks != world_size && rank != 0) return share;
  share.resize(elements);
  if (ranks == world_size) {
    RETURN_IF_ERROR(tensor.read(rank * elements, absl::MakeSpan(share)));
    return share;
  }
  std::vector<float> row(elements);
  for (int64_t other = 0; other < ranks; ++other) {
    RETURN_IF_ERROR(tensor.read(other * elements, absl::MakeSpan(row)));
    std::transform(share.begin(), share.end(), row.begin(), share.begin(), std::plus<>());
  }
  return share;
}

// One rank's values to rank 0, which hands them on, in pieces.
absl::Status GatherFrom(int sender, const std::vector<float>& own, Communicator* communicator,
                        const ValueSink& sink) {
  const auto elements = static_cast<int64_t>(own.size());
  std::vector<float> piece;
  for (int64_t at = 0; at < elements; at += kPieceElements) {
    const int64_t count = std::min(kPieceElements, elements - at);
    piece.assign(own.begin() + at, own.begin() + at + count);
    std::vector<int64_t> counts(communicator->world_size(), 0);
    counts[sender] = count;
    if (sender != 0)
      RETURN_IF_ERROR(communicator->Gather({TrafficClass::kControl, Phase::kOptimizer, -1}, counts,
                                           absl::MakeSpan(piece)));
    if (communicator->rank() == 0) sink(piece).IgnoreError();  // whoever keeps it has it
  }
  return absl::OkStatus();
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

std::vector<TensorInfo> ErrorFeedback::Tensors(int world_size) const {
  std::vector<TensorInfo> tensors;
  for (const auto& [site, residual] : residuals_) {
    tensors.push_back({absl::StrCat(kResidualPrefix, site),
                       {world_size, static_cast<int64_t>(residual.size())}});
  }
  return tensors;
}

absl::Status ErrorFeedback::Gather(Communicator* communicator, const ValueSink& sink) const {
  absl::Status first;
  const ValueSink keeping = [&](absl::Span<const float> values) {
    if (first.ok()) first = sink(values);
    return first;
  };
  for (const auto& [site, residual] : residuals_) {
    for (int sender = 0; sender < communicator->world_size(); ++sender)
      RETURN_IF_ERROR(GatherFrom(sender, residual, communicator, keeping));
  }
  return first;
}

absl::Status ErrorFeedback::Restore(const std::vector<StoredTensor>& tensors, int rank,
                                    int world_size) {
  Residuals restored;
  for (const StoredTensor& tensor : tensors) {
    absl::string_view name = tensor.name;
    size_t site = 0;
    if (!absl::ConsumePrefix(&name, kResidualPrefix) || !absl::SimpleAtoi(name, &site) ||
        tensor.shape.size() != 2)
      return NoResidual(tensor);
    ASSIGN_OR_RETURN(restored[site], ShareOf(tensor, rank, world_size));
  }
  restored_ = std::move(restored);
  return absl::OkStatus();
}

}  // namespace edgetp
