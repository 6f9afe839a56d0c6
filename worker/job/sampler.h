// Chooses the next token from logits. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace edgetp {

struct SamplerOptions {
  double temperature = 1.0;  // 0: the most likely token, the lowest id among equals
  std::optional<int> top_k;  // only the k most likely tokens
};

// `uniform` in [0, 1) decides. Equal inputs give equal tokens on every rank.
int64_t SampleToken(const std::vector<float>& logits, const SamplerOptions& options,
                    double uniform);

}  // namespace edgetp
