#include "worker/model/device.h"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/quantile.h"
#include "worker/model/gpu.h"
#include "worker/model/torch.h"

namespace edgetp {
namespace {

// Of either size for which cuBLAS promises the same bits in every call; the larger one is faster.
constexpr char kWorkspaceVariable[] = "CUBLAS_WORKSPACE_CONFIG";
constexpr char kWorkspace[] = ":4096:8";

// Far beyond any cache.
constexpr int64_t kCopyBytes = int64_t{1} << 28;
constexpr int kCopies = 9;

// Before 2.2, LibTorch has no such choice.
template <typename Context>
void LeaveFreshMemoryAsItIs(Context& context) {
  if constexpr (requires { context.setDeterministicFillUninitializedMemory(false); })
    context.setDeterministicFillUninitializedMemory(false);
}

// Median seconds of a copy, after one that wakes up whatever sleeps.
double MedianCopySeconds(const std::string& device, const std::function<double()>& now,
                         const torch::Tensor& to, const torch::Tensor& from) {
  std::vector<double> seconds;
  for (int i = 0; i <= kCopies; ++i) {
    const double begin = now();
    to.copy_(from);
    AwaitDevice(device);
    if (i > 0) seconds.push_back(now() - begin);
  }
  return Quantile(std::move(seconds), 0.5);
}

int IndexOf(const std::string& device) { return torch::Device(device).index(); }

torch::TensorOptions Floats(const torch::Device& device) {
  return torch::TensorOptions().dtype(torch::kFloat).device(device);
}

}  // namespace

std::vector<std::string> PresentDevices() {
  std::vector<std::string> devices = {"cpu"};
  const auto count = static_cast<int>(torch::cuda::device_count());
  for (int index = 0; index < count; ++index) devices.push_back(absl::StrCat("cuda:", index));
  return devices;
}

bool IsAccelerator(const std::string& device) { return device != "cpu"; }

std::string AcceleratorModel(const std::string& device) {
  return IsAccelerator(device) ? gpu::ModelOf(IndexOf(device)) : "";
}

std::optional<DeviceMemory> AcceleratorMemory(const std::string& device) {
  if (!IsAccelerator(device)) return std::nullopt;
  try {
    return gpu::MemoryOf(IndexOf(device));
  } catch (const std::exception&) {
    return std::nullopt;  // the next use of the device says what is wrong with it
  }
}

void ComputeDeterministically() {
  // LibTorch refuses to multiply without it.
  if (getenv(kWorkspaceVariable) == nullptr) setenv(kWorkspaceVariable, kWorkspace, 0);
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  // Nothing here reads memory that it has not written.
  LeaveFreshMemoryAsItIs(at::globalContext());
}

void ReleaseAcceleratorMemory() {
  try {
    gpu::ReleaseCaches();
  } catch (const std::exception&) {
    // A device that has failed has nothing to give; the next job will say what is wrong.
  }
}

void AwaitDevice(const std::string& device) {
  if (IsAccelerator(device)) torch::cuda::synchronize(IndexOf(device));
}

std::string WhyNoGpu(const GpuRuntime& runtime) {
  const auto version = [](int number) {
    return absl::StrCat(number / 1000, ".", number % 1000 / 10);
  };
  if (!runtime.has_cuda) return "the worker's LibTorch is one without CUDA";
  if (runtime.driver_supports == 0)
    return "the worker's LibTorch has CUDA, but there is no NVIDIA driver";
  // Within a major version, older drivers will do.
  if (runtime.driver_supports / 1000 < runtime.built_for / 1000) {
    return absl::StrCat("the NVIDIA driver is too old: it supports CUDA ",
                        version(runtime.driver_supports), ", and the worker's LibTorch needs ",
                        version(runtime.built_for));
  }
  return runtime.error.empty() ? "" : absl::StrCat("CUDA says: ", runtime.error);
}

GpuRuntime FindGpuRuntime() { return gpu::FindRuntime(); }

ProductUnits ProductUnitsOf(const std::string& device) {
  ProductUnits units{device, AcceleratorModel(device)};
  if (IsAccelerator(device)) units.compute_capability = gpu::ComputeCapabilityOf(IndexOf(device));
#if defined(__x86_64__)
  units.bf16 = !IsAccelerator(device) && at::hasMKLDNN() && __builtin_cpu_supports("avx512bf16");
#endif
  return units;
}

std::string PrecisionFault(Precision precision, const ProductUnits& units) {
  constexpr int kAmpere = 80;  // the first GPUs that have either
  if (precision == Precision::kFp32) return "";
  const std::string name = NameOf(precision);
  if (!IsAccelerator(units.device)) {
    if (precision == Precision::kTf32)
      return absl::StrCat("precision tf32: ", units.device, " has none; GPUs have it");
    return units.bf16 ? ""
                      : absl::StrCat("precision ", name, ": this LibTorch has no fast ", name,
                                     " products on this ", units.device);
  }
  if (units.compute_capability >= kAmpere) return "";
  return absl::StrCat("precision ", name, ": ", units.device, " (", units.model, ") has none: ",
                      "compute capability 8.0 or more is needed (it has ",
                      units.compute_capability / 10, ".", units.compute_capability % 10, ")");
}

void AllowTf32(bool allowed) { at::globalContext().setAllowTF32CuBLAS(allowed); }

bool HasMkl() { return at::hasMKL(); }

double DeviceSpeed::MemoryBytesPerSecond() const {
  torch::NoGradGuard no_grad;
  const int64_t count = kCopyBytes / static_cast<int64_t>(sizeof(float));
  const torch::Tensor from = torch::ones({count}, Floats(torch::Device(device_)));
  const torch::Tensor to = torch::zeros_like(from);
  return 2.0 * kCopyBytes / MedianCopySeconds(device_, now_seconds_, to, from);
}

double DeviceSpeed::StagingBytesPerSecond(double bytes) const {
  if (!IsAccelerator(device_)) return 0;
  torch::NoGradGuard no_grad;
  const int64_t count = std::max<int64_t>(1, static_cast<int64_t>(bytes / sizeof(float)));
  const torch::Tensor on_device = torch::ones({count}, Floats(torch::Device(device_)));
  const torch::Tensor on_host = torch::ones({count}, Floats(torch::kCPU).pinned_memory(true));
  const double seconds = MedianCopySeconds(device_, now_seconds_, on_host, on_device) +
                         MedianCopySeconds(device_, now_seconds_, on_device, on_host);
  return 2.0 * static_cast<double>(count) * sizeof(float) / seconds;
}

}  // namespace edgetp
