// What a worker can compute on: which devices there are, what they are, and their memory. Behind a
// header without LibTorch. Devices are named "cpu", "cuda:0", "cuda:1", ... Thread-safe, except
// where it says otherwise.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace edgetp {

struct DeviceMemory {
  double free_bytes = 0;
  double total_bytes = 0;
};

// Those that LibTorch can use here, "cpu" first.
std::vector<std::string> PresentDevices();

bool IsAccelerator(const std::string& device);

// The model of an accelerator, e.g. "NVIDIA H200"; empty for the CPU.
std::string AcceleratorModel(const std::string& device);

// An accelerator's own memory; nothing for the CPU, or where the driver does not tell.
std::optional<DeviceMemory> AcceleratorMemory(const std::string& device);

// Makes replicas agree: operations of accelerators give the same bits in every call, and on every
// accelerator of one model. Without it, LibTorch sums some gradients (of an embedding with few
// distinct tokens, for one) in whatever order its threads come. Where an accelerator computes; a CPU
// needs none of it. Changes the environment: call it before other threads exist; later calls find
// it done.
void ComputeDeterministically();

// Gives back what LibTorch has kept of freed memory of accelerators: between jobs, so that others
// see what is free.
void ReleaseAcceleratorMemory();

// Blocks until: the device has done all that was asked of it. At once for the CPU.
void AwaitDevice(const std::string& device);

// Whether LibTorch multiplies bf16 on the device faster than float32. Of accelerators this is not
// known: false.
bool HasBf16Products(const std::string& device);

// Whether LibTorch computes with Intel's MKL.
bool HasMkl();

// What the device does at a model's shapes. `now_seconds` reads a monotonic clock; the model itself
// has none.
class DeviceSpeed {
 public:
  DeviceSpeed(std::string device, std::function<double()> now_seconds)
      : device_(std::move(device)), now_seconds_(std::move(now_seconds)) {}

  // Bytes per second of copies within the device's memory, far larger than its caches; read and
  // written both count.
  double MemoryBytesPerSecond() const;

  // Bytes per second between the device and pinned host memory, one way, mean of both ways, of
  // copies of `bytes`. 0 for the CPU, which needs none.
  double StagingBytesPerSecond(double bytes) const;

 private:
  const std::string device_;
  const std::function<double()> now_seconds_;
};

}  // namespace edgetp
