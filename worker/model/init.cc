#include "worker/model/init.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "common/base/random.h"

namespace edgetp {
namespace {

// FNV-1a. Source: Fowler, Noll, Vo.
uint64_t HashName(const std::string& name) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

// Two normal values per pair of uniform ones: those of the elements 2k and 2k + 1.
// Source: Box and Muller, 1958.
struct NormalPair {
  NormalPair(uint64_t key, int64_t even, double deviation) {
    const double u = 1 - ToUnit(Mix64(key ^ Mix64(even)));  // in (0, 1]: its logarithm is finite
    const double angle = 2 * std::numbers::pi * ToUnit(Mix64(key ^ Mix64(even + 1)));
    const double radius = deviation * std::sqrt(-2 * std::log(u));
    values[0] = static_cast<float>(radius * std::cos(angle));
    values[1] = static_cast<float>(radius * std::sin(angle));
  }
  float values[2];
};

void FillNormal(absl::Span<float> out, int64_t first, double deviation, uint64_t key) {
  const int64_t end = first + static_cast<int64_t>(out.size());
  for (int64_t even = first - first % 2; even < end; even += 2) {
    const NormalPair pair(key, even, deviation);
    if (even >= first) out[even - first] = pair.values[0];
    if (even + 1 < end) out[even + 1 - first] = pair.values[1];
  }
}

void FillUniform(absl::Span<float> out, int64_t first, double bound, uint64_t key) {
  for (size_t i = 0; i < out.size(); ++i) {
    const uint64_t bits = Mix64(key ^ Mix64(first + static_cast<int64_t>(i)));
    out[i] = static_cast<float>(bound * (2 * ToUnit(bits) - 1));
  }
}

bool IsLinear(ParameterRole role) {
  return role == ParameterRole::kLinearWeight || role == ParameterRole::kResidualWeight ||
         role == ParameterRole::kLinearBias;
}

ReadValues InitialValues(const ParameterSpec& spec, const ModelShape& shape, InitKind kind,
                         uint64_t seed) {
  const uint64_t key = RandomBits(seed, HashName(spec.name));
  const auto normal = [key](double deviation) -> ReadValues {
    return [key, deviation](int64_t first, absl::Span<float> out) {
      FillNormal(out, first, deviation, key);
      return absl::OkStatus();
    };
  };
  if (IsLinear(spec.role) && kind == InitKind::kTorch) {
    const double bound = 1 / std::sqrt(static_cast<double>(spec.fan_in));
    return [key, bound](int64_t first, absl::Span<float> out) {
      FillUniform(out, first, bound, key);
      return absl::OkStatus();
    };
  }
  if (spec.role == ParameterRole::kEmbedding || spec.role == ParameterRole::kHead ||
      spec.role == ParameterRole::kLinearWeight)
    return normal(0.02);
  if (spec.role == ParameterRole::kResidualWeight)
    return normal(0.02 / std::sqrt(2.0 * shape.layers));
  const float constant = spec.role == ParameterRole::kNormWeight ? 1 : 0;
  return [constant](int64_t, absl::Span<float> out) {
    std::fill(out.begin(), out.end(), constant);
    return absl::OkStatus();
  };
}

}  // namespace

std::vector<StoredTensor> InitialTensors(const std::vector<ParameterSpec>& specs,
                                         const ModelShape& shape, InitKind kind, uint64_t seed) {
  std::vector<StoredTensor> tensors;
  for (const ParameterSpec& spec : specs) {
    if (spec.owned)
      tensors.push_back({{spec.name, spec.full_shape}, InitialValues(spec, shape, kind, seed)});
  }
  return tensors;
}

}  // namespace edgetp
