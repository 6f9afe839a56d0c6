// Little-endian numbers inside byte strings: what the data formats of this folder share. Pure.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>

namespace edgetp {

// The project runs on little-endian machines alone (x86-64, AArch64), so memory order is file
// order.
static_assert(std::endian::native == std::endian::little);

template <typename Number>
void AppendNumber(Number value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

// `at + sizeof(Number)` must be within `bytes`.
template <typename Number>
Number ReadNumber(const std::string& bytes, size_t at) {
  Number value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

}  // namespace edgetp
