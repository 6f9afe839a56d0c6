// What the model is fed: a micro-batch of token ids. Plain data.
#pragma once

#include <cstdint>
#include <vector>

namespace edgetp {

// Shapes: both (B, T), row-major; targets are the tokens that come next.
struct TokenBatch {
  int batch = 0;
  int sequence = 0;
  std::vector<int64_t> inputs;
  std::vector<int64_t> targets;
};

}  // namespace edgetp
