// Counter-based random numbers: a value depends on its key alone, so that any part of a run can be
// repeated by itself. Thread-safe (pure functions).
#pragma once

#include <cstdint>

namespace edgetp {

// One round of SplitMix64: a bijection with full avalanche. Source: Steele, Lea, Flood, OOPSLA
// 2014.
inline uint64_t Mix64(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

// 64 random bits for a key of up to four numbers.
inline uint64_t RandomBits(uint64_t seed, uint64_t a, uint64_t b = 0, uint64_t c = 0) {
  return Mix64(Mix64(Mix64(Mix64(seed) ^ a) ^ b) ^ c);
}

// Uniform in [0, 1), 53 bits.
inline double ToUnit(uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1.0p-53; }

}  // namespace edgetp
