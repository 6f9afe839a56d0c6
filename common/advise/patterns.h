// The patterns and wire formats that `edgetp advise` tries. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/plan/model_shape.h"

namespace edgetp {

inline constexpr char kExactWire[] = "fp32";

// The dense model's: "t*12".
std::string DensePattern(const ModelShape& shape);

// Of all mixtures of letters, those that differ in what they exchange, each filling the model: the
// dense one first.
std::vector<std::string> AdvisedPatterns(const ModelShape& shape);

// One format of each size: others of the same size differ in the loss alone. The exact one first.
std::vector<std::string> AdvisedWires();

// Whether some sums of the pattern may be late.
bool HasLateSums(const std::string& pattern);

}  // namespace edgetp
