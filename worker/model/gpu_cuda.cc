#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>

#include <array>

#include "worker/model/copy_engine.h"
#include "worker/model/gpu.h"

namespace edgetp {
namespace {

// On a stream of its own, which waits for no other.
class GpuCopyEngine final : public CopyEngine {
 public:
  explicit GpuCopyEngine(int device) : device_(static_cast<c10::DeviceIndex>(device)) {
    const c10::cuda::CUDAGuard guard(device_);
    C10_CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
    for (cudaEvent_t& event : done_)
      C10_CUDA_CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  }

  // A process that ends may have lost its context before.
  ~GpuCopyEngine() override {
    cudaStreamSynchronize(stream_);
    for (cudaEvent_t event : done_) cudaEventDestroy(event);
    cudaStreamDestroy(stream_);
  }

  uint64_t Start(void* to, const void* from, size_t bytes) override {
    const c10::cuda::CUDAGuard guard(device_);
    C10_CUDA_CHECK(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream_));
    C10_CUDA_CHECK(cudaEventRecord(EventOf(started_), stream_));
    return started_++;
  }

  // The event of an old copy is that of a later one by now: then that is awaited, which is more.
  void Await(uint64_t copy) override {
    const c10::cuda::CUDAGuard guard(device_);
    C10_CUDA_CHECK(cudaEventSynchronize(EventOf(copy)));
  }

 private:
  cudaEvent_t EventOf(uint64_t copy) const { return done_[copy % done_.size()]; }

  const c10::DeviceIndex device_;
  cudaStream_t stream_ = nullptr;
  std::array<cudaEvent_t, 256> done_{};
  uint64_t started_ = 0;
};

}  // namespace

std::unique_ptr<CopyEngine> MakeGpuCopyEngine(int device) {
  return std::make_unique<GpuCopyEngine>(device);
}

}  // namespace edgetp

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
