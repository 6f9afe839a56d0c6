#include "worker/model/gpu.h"

namespace edgetp::gpu {

std::string ModelOf(int) { return ""; }

std::optional<DeviceMemory> MemoryOf(int) { return std::nullopt; }

void ReleaseCaches() {}

}  // namespace edgetp::gpu
