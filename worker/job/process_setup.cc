#include "worker/job/process_setup.h"

#include <dlfcn.h>
#include <malloc.h>
#include <strings.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "worker/model/device.h"
#include "worker/model/host_memory.h"

namespace edgetp {
namespace {

constexpr char kRestartedMarker[] = "EDGETP_RESTARTED";
// Kernels of OpenBLAS that use AVX-512.
constexpr const char* kAvx512Kernels[] = {"SkylakeX", "Cooperlake", "SapphireRapids"};
constexpr char kCoreTypeVariable[] = "OPENBLAS_CORETYPE";
constexpr char kAvx512CoreType[] = "SKYLAKEX";

template <typename Function>
Function Find(const char* symbol) {
  return reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, symbol));
}

// Empty where the BLAS is not OpenBLAS.
std::string OpenBlasKernels() {
  const auto core_name = Find<char* (*)()>("openblas_get_corename");
  return core_name == nullptr ? "" : core_name();
}

// The cores of boards, by the numbers that their kernel tells. Source: Linux,
// arch/arm64/include/asm/cputype.h.
constexpr struct {
  const char* part;
  const char* name;
} kArmCores[] = {{"0xd03", "Cortex-A53"},  {"0xd05", "Cortex-A55"},  {"0xd07", "Cortex-A57"},
                 {"0xd08", "Cortex-A72"},  {"0xd09", "Cortex-A73"},  {"0xd0b", "Cortex-A76"},
                 {"0xd0c", "Neoverse-N1"}, {"0xd41", "Cortex-A78"},  {"0xd42", "Cortex-A78AE"},
                 {"0xd40", "Neoverse-V1"}, {"0xd49", "Neoverse-N2"}, {"0xd4f", "Neoverse-V2"}};

std::string ArmCore(const std::string& implementer, const std::string& part) {
  for (const auto& core : kArmCores)
    if (implementer == "0x41" && part == core.part) return core.name;
  return absl::StrCat("core ", implementer, ":", part);
}

bool CpuHasAvx512() {
#if defined(__x86_64__)
  // What the SkylakeX kernels are compiled for.
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
  return false;
#endif
}

}  // namespace

std::string FittingCoreType(const BlasChoice& choice) {
  if (choice.set_by_user || !choice.cpu_has_avx512 || choice.kernels.empty()) return "";
  const bool fits = std::any_of(
      std::begin(kAvx512Kernels), std::end(kAvx512Kernels),
      [&choice](const char* name) { return strcasecmp(name, choice.kernels.c_str()) == 0; });
  return fits ? "" : kAvx512CoreType;
}

void TuneAllocator() {
  // A glibc that limits the threshold refuses 1 GiB; 32 MiB is the most that it takes.
  if (mallopt(M_MMAP_THRESHOLD, 1 << 30) == 0) mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 0x7fffffff);
  mallopt(M_TOP_PAD, 64 << 20);
  // The heaps of other arenas are 64 MiB at most and are returned when they are empty: all threads
  // share the main one.
  mallopt(M_ARENA_MAX, 1);
  ReuseHostMemory();
}

void ReleaseFreeMemory() {
  ReleaseAcceleratorMemory();
  malloc_trim(0);
}

void PollOwnSocketsOnly() { setenv("GRPC_POLL_STRATEGY", "poll", /*overwrite=*/0); }

void SkipDeadlockDetection() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

void RestartWithFittingLibraries(char** argv, int threads) {
  if (getenv(kRestartedMarker) != nullptr) return;
  bool restart = false;
  const std::string core_type =
      FittingCoreType({OpenBlasKernels(), CpuHasAvx512(), getenv(kCoreTypeVariable) != nullptr});
  if (!core_type.empty()) {
    setenv(kCoreTypeVariable, core_type.c_str(), 0);
    restart = true;
  }
  if (getenv("OMP_WAIT_POLICY") == nullptr && threads > 1) {
    setenv("OMP_WAIT_POLICY", "passive", 0);
    restart = true;
  }
  if (!restart) return;
  setenv(kRestartedMarker, "1", 1);
  execv("/proc/self/exe", argv);
}

void UseComputeThreads(int threads) {
  // LibTorch reads the variable at its first parallel operation.
  setenv("OMP_NUM_THREADS", std::to_string(threads).c_str(), 1);
  if (const auto set = Find<void (*)(int)>("omp_set_num_threads")) set(threads);
  if (const auto set = Find<void (*)(int)>("openblas_set_num_threads")) set(threads);
}

std::string NameOfBlas(const std::string& open_blas_kernels, bool has_mkl) {
  if (!open_blas_kernels.empty()) return "OpenBLAS " + open_blas_kernels;
  return has_mkl ? "MKL" : "unknown BLAS";
}

std::string BlasName() { return NameOfBlas(OpenBlasKernels(), HasMkl()); }

bool BlasIsSuspect(double gflops, const std::string& open_blas_kernels, bool has_mkl) {
  // The reference BLAS reaches 2 on a fast desktop; OpenBLAS, 10 on a Raspberry Pi 4.
  constexpr double kSlowGflops = 20;
  return gflops < kSlowGflops && open_blas_kernels.empty() && !has_mkl;
}

bool BlasIsSuspect(double gflops) { return BlasIsSuspect(gflops, OpenBlasKernels(), HasMkl()); }

std::string CpuModel(const std::string& cpuinfo) {
  std::string board, implementer;
  std::set<std::string> cores;  // of a processor with big and little ones, both
  for (const absl::string_view line : absl::StrSplit(cpuinfo, '\n')) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(line, absl::MaxSplits(':', 1));
    const absl::string_view key = absl::StripAsciiWhitespace(field.first);
    const std::string value(absl::StripAsciiWhitespace(field.second));
    if (key == "model name") return value;
    if (key == "Model") board = value;
    if (key == "CPU implementer") implementer = value;
    if (key == "CPU part" && !implementer.empty()) cores.insert(ArmCore(implementer, value));
  }
  if (!cores.empty()) return absl::StrJoin(cores, " and ");
  return board.empty() ? "cpu" : board;
}

}  // namespace edgetp
