#include "worker/model/copy_engine.h"
#include "worker/model/gpu.h"

namespace edgetp {

std::unique_ptr<CopyEngine> MakeGpuCopyEngine(int) { return nullptr; }

}  // namespace edgetp

namespace edgetp::gpu {

std::string ModelOf(int) { return ""; }

std::optional<DeviceMemory> MemoryOf(int) { return std::nullopt; }

int ComputeCapabilityOf(int) { return 0; }

GpuRuntime FindRuntime() { return {}; }

void ReleaseCaches() {}

}  // namespace edgetp::gpu
