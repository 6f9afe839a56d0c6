// What a worker process sets before it does anything else: how malloc keeps memory, which BLAS
// kernels and how many threads compute. Called by main and by the thread that trains.
#pragma once

#include <string>

namespace edgetp {

// Lets malloc keep what gRPC allocates for each message, instead of a mmap, page faults and a
// munmap every time; and lets tensors reuse it. Call at the start of main, before other threads exist.
void TuneAllocator();

// Gives what malloc, and LibTorch for accelerators, have kept back to the system: between jobs, so
// that the next one sees what is free.
void ReleaseFreeMemory();

struct BlasChoice {
  std::string kernels;  // that OpenBLAS chose, e.g. "Haswell"; empty: the BLAS is another one
  bool cpu_has_avx512 = false;
  bool set_by_user = false;  // by OPENBLAS_CORETYPE
};

// The OPENBLAS_CORETYPE that makes use of the CPU; empty where the choice is to stay. Pure.
std::string FittingCoreType(const BlasChoice& choice);

// Starts the program again, once, where a library can only be told by its environment: OpenBLAS
// chose kernels that leave the CPU's AVX-512 unused, or OpenMP threads would spin while they wait
// (`threads` > 1). Variables that the user has set win. Returns if nothing is to be changed, or if
// exec fails. Call before files and threads are opened.
void RestartWithFittingLibraries(char** argv, int threads);

// Lets a thread that polls gRPC watch the sockets of its own queue alone. With gRPC's default
// (epoll1) all threads of a process share one epoll set, and whichever sits in it wakes the one
// that the data is for: a thread hop for each message. A choice that the user has made wins. Call
// before gRPC is used.
void PollOwnSocketsOnly();

// Debian builds Abseil with its debug checks: every mutex of gRPC's, and an operation takes dozens,
// would be entered into a graph that finds deadlocks, under one global lock. Turns that off.
void SkipDeadlockDetection();

// For the calling thread and those that it starts: OpenMP's and OpenBLAS's threads.
void UseComputeThreads(int threads);

// The BLAS in use and its kernels, e.g. "OpenBLAS SkylakeX", "MKL", or "unknown BLAS".
std::string BlasName();
// The same from what is known. Pure.
std::string NameOfBlas(const std::string& open_blas_kernels, bool has_mkl);

// Whether a fast BLAS is likely missing: products run at `gflops` (GFLOP/s) on one thread, and no
// BLAS that is known to be fast is loaded. A slow board with OpenBLAS is as fast as it gets. Pure.
bool BlasIsSuspect(double gflops, const std::string& open_blas_kernels, bool has_mkl);
// The same for the BLAS in use.
bool BlasIsSuspect(double gflops);

// The CPU's model in the text of /proc/cpuinfo; of boards, their cores ("Cortex-A55 and Cortex-A76"):
// what their arithmetic depends on, which the board's own name and revision are not. Else the
// board's name, or "cpu": not all architectures tell. Pure.
std::string CpuModel(const std::string& cpuinfo);

}  // namespace edgetp
