// Wire formats for tests, by name.
#pragma once

#include <string>
#include <vector>

#include "common/collective/codec.h"

namespace edgetp::testing {

inline WireFormat Wire(const std::string& text) { return WireFormat::Parse(text).value(); }

// Every format, and some with parameters.
inline std::vector<WireFormat> EveryFormat() {
  std::vector<WireFormat> formats;
  for (const std::string& name : WireFormat::Names()) formats.push_back(Wire(name));
  for (const char* text : {"int8:g32", "int8:g7", "int4:g3", "fp8e4m3:g2", "fp8e5m2:g100"})
    formats.push_back(Wire(text));
  return formats;
}

}  // namespace edgetp::testing
