// The version that server, workers and clients compare: all processes of a cluster must be built
// from the same one.
#pragma once

namespace edgetp {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace edgetp
