// The presets of the source tree, for tests.
#pragma once

#include "common/config/load.h"

namespace edgetp {

inline const ConfigLibrary& Shipped() {
  static const auto* const kLibrary = new ConfigLibrary({EDGETP_SOURCE_DIR "/configs"});
  return *kLibrary;
}

}  // namespace edgetp
