#include <c10/cuda/CUDACachingAllocator.h>
#include <cuda_runtime_api.h>

#include "worker/model/gpu.h"

namespace edgetp::gpu {

std::string ModelOf(int index) {
  cudaDeviceProp properties;
  return cudaGetDeviceProperties(&properties, index) == cudaSuccess ? properties.name : "";
}

std::optional<DeviceMemory> MemoryOf(int index) {
  // It stays the thread's current one: a worker uses no other, and to go back to number 0 would make
  // a context of half a GiB there.
  size_t free_bytes = 0, total_bytes = 0;
  if (cudaSetDevice(index) != cudaSuccess ||
      cudaMemGetInfo(&free_bytes, &total_bytes) != cudaSuccess) {
    return std::nullopt;
  }
  return DeviceMemory{static_cast<double>(free_bytes), static_cast<double>(total_bytes)};
}

int ComputeCapabilityOf(int index) {
  cudaDeviceProp properties;
  if (cudaGetDeviceProperties(&properties, index) != cudaSuccess) return 0;
  return 10 * properties.major + properties.minor;
}

GpuRuntime FindRuntime() {
  GpuRuntime runtime{.has_cuda = true};
  int devices = 0;
  const cudaError_t found = cudaGetDeviceCount(&devices);
  cudaRuntimeGetVersion(&runtime.built_for);
  cudaDriverGetVersion(&runtime.driver_supports);
  if (found != cudaSuccess) runtime.error = cudaGetErrorString(found);
  return runtime;
}

void ReleaseCaches() { c10::cuda::CUDACachingAllocator::emptyCache(); }

}  // namespace edgetp::gpu
