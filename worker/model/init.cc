#include "worker/model/init.h"

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

// Two normal values per pair of uniform ones. Source: Box and Muller, 1958.
void FillNormal(float* data, int64_t count, double deviation, uint64_t key) {
  for (int64_t i = 0; i < count; i += 2) {
    const double u = 1 - ToUnit(Mix64(key ^ Mix64(i)));  // in (0, 1]: its logarithm is finite
    const double angle = 2 * std::numbers::pi * ToUnit(Mix64(key ^ Mix64(i + 1)));
    const double radius = deviation * std::sqrt(-2 * std::log(u));
    data[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < count) data[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
}

void FillUniform(float* data, int64_t count, double bound, uint64_t key) {
  for (int64_t i = 0; i < count; ++i) {
    data[i] = static_cast<float>(bound * (2 * ToUnit(Mix64(key ^ Mix64(i))) - 1));
  }
}

bool IsLinear(ParameterRole role) {
  return role == ParameterRole::kLinearWeight || role == ParameterRole::kResidualWeight || role == ParameterRole::kLinearBias;
}

}  // namespace

torch::Tensor InitialValue(const ParameterSpec& spec, const ModelShape& shape, InitKind kind,
                           uint64_t seed) {
  torch::Tensor value = torch::zeros(spec.full_shape);
  const uint64_t key = RandomBits(seed, HashName(spec.name));
  if (spec.role == ParameterRole::kNormWeight) {
    value.fill_(1);
  } else if (IsLinear(spec.role) && kind == InitKind::kTorch) {
    FillUniform(value.data_ptr<float>(), value.numel(),
                1 / std::sqrt(static_cast<double>(spec.fan_in)), key);
  } else if (spec.role == ParameterRole::kEmbedding || spec.role == ParameterRole::kHead ||
             spec.role == ParameterRole::kLinearWeight) {
    FillNormal(value.data_ptr<float>(), value.numel(), 0.02, key);
  } else if (spec.role == ParameterRole::kResidualWeight) {
    FillNormal(value.data_ptr<float>(), value.numel(), 0.02 / std::sqrt(2.0 * shape.layers), key);
  }
  return value;
}

}  // namespace edgetp
