// Attention of one query over keys and values in host memory. A pure loop without LibTorch,
// compiled as those of kernels.h are. Used by key_value_cache.cc; thread-safe.
#pragma once

#include <cstdint>

namespace edgetp::kernels {

// result = sum over j of softmax(q . key_j / sqrt(D))_j value_j.
// Shapes: q, result (D); keys, values (n, D); scores (n), scratch.
void AttendOne(const float* q, const float* keys, const float* values, int64_t n, int64_t D,
               float* scores, float* result);

}  // namespace edgetp::kernels
