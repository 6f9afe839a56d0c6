#include "common/collective/hadamard.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "common/base/random.h"

namespace edgetp {
namespace {

// One of the streams of random numbers of a seed.
constexpr uint64_t kSignStream = 0x4841;

// With the factor 1 / sqrt(g): the whole rotation is one multiplication and the transform.
std::vector<float> Signs(size_t size, uint64_t seed) {
  const float factor = 1.0f / std::sqrt(static_cast<float>(size));
  std::vector<float> signs(size);
  for (size_t i = 0; i < size; ++i)
    signs[i] = (RandomBits(seed, kSignStream, i) & 1) == 0 ? factor : -factor;
  return signs;
}

// values <- H values, without a factor. values.size() is a power of two.
void Transform(absl::Span<float> values) {
  float* const data = values.data();
  for (size_t half = 1; half < values.size(); half *= 2) {
    for (size_t begin = 0; begin < values.size(); begin += 2 * half) {
      float* const low = data + begin;
      float* const high = low + half;
      for (size_t i = 0; i < half; ++i) {
        const float a = low[i];
        const float b = high[i];
        low[i] = a + b;
        high[i] = a - b;
      }
    }
  }
}

void Multiply(absl::Span<float> values, const std::vector<float>& signs) {
  for (size_t i = 0; i < values.size(); ++i) values[i] *= signs[i];
}

// Calls apply(piece, its signs) for each piece that is rotated by itself.
template <typename Apply>
void ForEachPiece(absl::Span<float> values, int64_t group, uint64_t seed, const Apply& apply) {
  size_t size = static_cast<size_t>(group);
  std::vector<float> signs = Signs(size, seed);
  while (!values.empty()) {
    if (values.size() < size) {
      size = std::bit_floor(values.size());
      signs = Signs(size, seed);
    }
    apply(values.subspan(0, size), signs);
    values.remove_prefix(size);
  }
}

}  // namespace

void Rotate(absl::Span<float> values, int64_t group, uint64_t seed) {
  ForEachPiece(values, group, seed, [](absl::Span<float> piece, const std::vector<float>& signs) {
    Multiply(piece, signs);
    Transform(piece);
  });
}

void RotateBack(absl::Span<float> values, int64_t group, uint64_t seed) {
  ForEachPiece(values, group, seed, [](absl::Span<float> piece, const std::vector<float>& signs) {
    Transform(piece);
    Multiply(piece, signs);
  });
}

}  // namespace edgetp
