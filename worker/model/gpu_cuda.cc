#include <c10/core/DeviceGuard.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <cuda_runtime_api.h>

#include "worker/model/gpu.h"

namespace edgetp::gpu {

std::string ModelOf(int index) {
  cudaDeviceProp properties;
  return cudaGetDeviceProperties(&properties, index) == cudaSuccess ? properties.name : "";
}

std::optional<DeviceMemory> MemoryOf(int index) {
  const c10::DeviceGuard guard(
      c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index)));
  size_t free_bytes = 0, total_bytes = 0;
  if (cudaMemGetInfo(&free_bytes, &total_bytes) != cudaSuccess) return std::nullopt;
  return DeviceMemory{static_cast<double>(free_bytes), static_cast<double>(total_bytes)};
}

void ReleaseCaches() { c10::cuda::CUDACachingAllocator::emptyCache(); }

}  // namespace edgetp::gpu
