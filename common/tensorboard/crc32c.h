// CRC-32C (Castagnoli), the checksum of TensorBoard's event files. Debian 12's Abseil has none, and
// a few kilobytes a step need no hardware. Pure.
// Source: RFC 3720, section 12.1 and appendix B.4.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"

namespace edgetp {

uint32_t Crc32c(absl::string_view bytes);

}  // namespace edgetp
