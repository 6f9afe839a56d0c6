// Chooses the next token from logits. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/types/span.h"

namespace edgetp {

struct SamplerOptions {
  double temperature = 1.0;  // 0: the most likely token, the lowest id among equals
  std::optional<int> top_k;  // only the k most likely tokens
  // Of those, only the nucleus: the fewest of the most likely that have this much probability
  // together, in (0, 1]. Source: Holtzman et al., arXiv 1904.09751, section 3.1.
  std::optional<double> top_p;
};

// `uniform` in [0, 1) decides. Equal inputs give equal tokens on every rank.
int64_t SampleToken(absl::Span<const float> logits, const SamplerOptions& options, double uniform);

}  // namespace edgetp
