// The version that server, workers and clients compare: all processes of a cluster must be built
// from the same one. Its one source is project(edgetp VERSION ...) in CMakeLists.txt.
#pragma once

namespace edgetp {

extern const char* const kVersion;

}  // namespace edgetp
