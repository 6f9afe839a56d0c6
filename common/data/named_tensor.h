// A full (unsharded) tensor in host memory: what weight files, checkpoints and the model exchange.
// Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace edgetp {

// Row-major float32.
struct NamedTensor {
  std::string
      name;  // GPT-2's names: wte.weight, h.0.attn.c_attn.weight, ...; linears are (in, out)
  std::vector<int64_t> shape;
  std::vector<float> values;
};

}  // namespace edgetp
