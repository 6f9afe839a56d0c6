#include "worker/model/gpu.h"

namespace edgetp::gpu {

std::string ModelOf(int) { return ""; }

std::optional<DeviceMemory> MemoryOf(int) { return std::nullopt; }

int ComputeCapabilityOf(int) { return 0; }

GpuRuntime FindRuntime() { return {}; }

void ReleaseCaches() {}

}  // namespace edgetp::gpu
