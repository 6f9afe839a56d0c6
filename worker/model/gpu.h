// The few calls for which LibTorch has no interface that every build offers. One of gpu_cuda.cc and
// gpu_none.cc is compiled: the former where LibTorch has CUDA. Used by device.cc. May throw what
// LibTorch throws.
#pragma once

#include <optional>
#include <string>

#include "worker/model/device.h"

namespace edgetp::gpu {

// `index`: 0 for cuda:0.
std::string ModelOf(int index);
std::optional<DeviceMemory> MemoryOf(int index);
// 80 for 8.0; 0 where the driver does not tell.
int ComputeCapabilityOf(int index);

GpuRuntime FindRuntime();

// Of all GPUs.
void ReleaseCaches();

}  // namespace edgetp::gpu
