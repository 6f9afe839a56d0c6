// Gives each rank of a job CPUs of its own, where its host has enough. Ranks that wait for one
// another wake up at the same time; Linux often wakes two on one CPU and takes milliseconds to part
// them, and then both compute half as fast (docs/fidelity.md). One thread.
#pragma once

#include <sched.h>

#include <optional>
#include <vector>

#include "edgetp/v1/cluster.pb.h"

namespace edgetp {

// The position of a rank among the ranks of its kernel, and how many there are.
struct HostSeat {
  int index = 0;
  int ranks = 1;
};

// Members with equal boot ids share a kernel. Pure.
HostSeat SeatOf(const v1::Assign& assign);

// The CPUs to try for a seat, best first: its own part of `allowed`, then those that follow, around.
// Empty where the host has fewer CPUs than its ranks have threads. Pure.
std::vector<int> CandidateCpus(const HostSeat& seat, int threads, const std::vector<int>& allowed);

// While it lives, this process runs on CPUs that no other such object of the host has claimed; or,
// where there are not enough, wherever the system likes. A claim is an abstract Unix socket: it ends
// with the process, and containers have claims of their own.
class CpuPlacement {
 public:
  CpuPlacement(const HostSeat& seat, int threads);
  ~CpuPlacement();
  CpuPlacement(const CpuPlacement&) = delete;
  CpuPlacement& operator=(const CpuPlacement&) = delete;

  // Empty: the system decides.
  const std::vector<int>& cpus() const { return cpus_; }

 private:
  bool Claim(int cpu);
  void Release();

  std::vector<int> sockets_;
  std::vector<int> cpus_;
  cpu_set_t before_;
};

}  // namespace edgetp
