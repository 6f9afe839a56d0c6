#include "worker/collective/error_feedback.h"

namespace edgetp {

absl::Span<float> ErrorFeedback::Begin(size_t site, absl::Span<float> data) {
  std::vector<float>& residual = residuals_[site];
  if (residual.size() == data.size()) {
    for (size_t i = 0; i < data.size(); ++i) data[i] += residual[i];
  }
  residual.assign(data.size(), 0.0f);
  return absl::MakeSpan(residual);
}

}  // namespace edgetp
