// A rotation before encoding: x <- H D x / sqrt(g) in each group of g elements, with the Hadamard
// matrix H and random signs D. It spreads an outlier over its group, so that a scale serves all of
// it. Linear: sums of rotated values are rotated back once. Pure.
//
// Of a last group that is short, the largest power of two is rotated by itself, then the largest of
// what is left, and so on.
//
// Source: TACO (arXiv:2604.24088); the randomised Hadamard transform of QuIP# (2402.04396).
#pragma once

#include <cstdint>

#include "absl/types/span.h"

namespace edgetp {

// `group`: a power of two. `seed`: the same on all ranks.
void Rotate(absl::Span<float> values, int64_t group, uint64_t seed);

// The inverse, to rounding.
void RotateBack(absl::Span<float> values, int64_t group, uint64_t seed);

}  // namespace edgetp
