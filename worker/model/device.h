// What a worker can compute on: which devices there are, what they are, and their memory. Behind a
// header without LibTorch. Devices are named "cpu", "cuda:0", "cuda:1", ... Thread-safe, except
// where it says otherwise.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/plan/precision.h"

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

// What a worker's LibTorch and this host's driver say of GPUs. Versions as CUDA has them: 12040 for
// 12.4; 0: not known.
struct GpuRuntime {
  bool has_cuda = false;    // LibTorch
  int built_for = 0;        // LibTorch: the version of CUDA
  int driver_supports = 0;  // the newest version; 0: no driver
  std::string error;        // of looking for GPUs; empty: none
};

// Why a host whose workers need a GPU has none, for who reads "not on this host"; empty where there is
// nothing to add.
std::string WhyNoGpu(const GpuRuntime& runtime);

GpuRuntime FindGpuRuntime();

// What decides in which precisions a device multiplies.
struct ProductUnits {
  std::string device;          // "cpu", "cuda:0"
  std::string model;           // of an accelerator
  int compute_capability = 0;  // of an accelerator: 80 for 8.0; 0: not known
  bool bf16 = false;           // of a CPU: LibTorch multiplies bf16 faster than float32
};
ProductUnits ProductUnitsOf(const std::string& device);

// Why a device does not multiply in a precision, or not faster than in fp32; empty where it does.
std::string PrecisionFault(Precision precision, const ProductUnits& units);

// Products of float32 on accelerators take TF32 from now on, or do not.
void AllowTf32(bool allowed);

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
