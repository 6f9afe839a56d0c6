#include "worker/job/norm_guard.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/quantile.h"
#include "common/data/gpt2_weights.h"

namespace edgetp {
namespace {

constexpr char kNorms[] = "norms";
constexpr char kSkipped[] = "skipped";

NamedTensor Vector(const char* name, std::vector<float> values) {
  const auto size = static_cast<int64_t>(values.size());
  return {absl::StrCat(kGuardPrefix, name), {size}, std::move(values)};
}

}  // namespace

std::optional<double> NormGuard::Limit() const {
  if (!factor_.has_value()) return std::nullopt;
  if (norms_.size() < kFirst) return std::numeric_limits<double>::max();
  return *factor_ * Quantile({norms_.begin(), norms_.end()}, 0.5);
}

absl::Status NormGuard::Add(double norm, bool skipped) {
  if (skipped) ++skipped_;
  if (!factor_.has_value()) return absl::OkStatus();
  if (std::isfinite(norm)) {
    not_finite_ = 0;
    norms_.push_back(static_cast<float>(norm));
    if (norms_.size() > kWindow) norms_.pop_front();
    return absl::OkStatus();
  }
  if (++not_finite_ < kHopeless) return absl::OkStatus();
  return absl::OutOfRangeError(
      absl::StrCat("the gradient's norm was not finite in ", not_finite_,
                   " steps in a row, and all of them were skipped: try a lower learning rate"));
}

std::vector<NamedTensor> NormGuard::State() const {
  if (norms_.empty() && skipped_ == 0) return {};
  return {Vector(kNorms, {norms_.begin(), norms_.end()}),
          Vector(kSkipped, {static_cast<float>(skipped_)})};
}

absl::Status NormGuard::Restore(const std::vector<NamedTensor>& tensors) {
  const auto finite = [](float value) { return std::isfinite(value); };
  for (const NamedTensor& tensor : tensors) {
    if (tensor.name == absl::StrCat(kGuardPrefix, kNorms) && tensor.values.size() <= kWindow &&
        std::all_of(tensor.values.begin(), tensor.values.end(), finite)) {
      norms_.assign(tensor.values.begin(), tensor.values.end());
    } else if (tensor.name == absl::StrCat(kGuardPrefix, kSkipped) && tensor.values.size() == 1 &&
               tensor.values[0] >= 0 && tensor.values[0] < 1e9f) {
      skipped_ = static_cast<int>(tensor.values[0]);
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("tensor ", tensor.name,
                       " is not what the guard of norms has kept: it keeps ", kGuardPrefix, kNorms,
                       " of at most ", kWindow, " and ", kGuardPrefix, kSkipped, " of one"));
    }
  }
  return absl::OkStatus();
}

}  // namespace edgetp
