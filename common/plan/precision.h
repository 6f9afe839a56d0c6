// In what a run's matrix products are computed: the values of memory.precision. Weights, norms, losses,
// gradients and the optimizer are fp32 in each. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace edgetp {

enum class Precision : uint8_t {
  kFp32,
  kTf32,  // of accelerators: the inputs of products are rounded to 10 bits of mantissa
  kBf16,  // inputs and results of products are bf16, their sums fp32; on accelerators attention, too
};

inline constexpr std::pair<const char*, Precision> kPrecisions[] = {
    {"fp32", Precision::kFp32}, {"tf32", Precision::kTf32}, {"bf16", Precision::kBf16}};

// Nothing for another word.
inline std::optional<Precision> PrecisionNamed(const std::string& name) {
  for (const auto& [known, precision] : kPrecisions) {
    if (name == known) return precision;
  }
  return std::nullopt;
}

inline const char* NameOf(Precision precision) {
  return kPrecisions[static_cast<size_t>(precision)].first;
}

}  // namespace edgetp
