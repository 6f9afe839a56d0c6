#include "worker/job/cpu_placement.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

std::vector<int> CpusOf(const cpu_set_t& set) {
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// Of every thread of this process; those that they start inherit it. Best effort: a thread may have
// ended meanwhile.
void RunOn(const cpu_set_t& set) {
  std::error_code ignored;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task", ignored)) {
    pid_t thread = 0;
    if (absl::SimpleAtoi(task.path().filename().string(), &thread))
      sched_setaffinity(thread, sizeof(set), &set);
  }
}

}  // namespace

HostSeat SeatOf(const v1::Assign& assign) {
  const std::string& kernel = assign.members(assign.rank()).boot_id();
  HostSeat seat{0, 0};
  for (int rank = 0; rank < assign.members_size(); ++rank) {
    if (assign.members(rank).boot_id() != kernel) continue;
    if (rank < assign.rank()) ++seat.index;
    ++seat.ranks;
  }
  return seat;
}

std::vector<int> CandidateCpus(const HostSeat& seat, int threads, const std::vector<int>& allowed) {
  const auto count = static_cast<int>(allowed.size());
  if (seat.ranks * threads > count) return {};
  std::vector<int> candidates;
  for (int i = 0; i < count; ++i) candidates.push_back(allowed[(seat.index * threads + i) % count]);
  return candidates;
}

CpuPlacement::CpuPlacement(const HostSeat& seat, int threads) {
  CPU_ZERO(&before_);
  if (sched_getaffinity(0, sizeof(before_), &before_) != 0) return;
  for (const int cpu : CandidateCpus(seat, threads, CpusOf(before_))) {
    if (static_cast<int>(cpus_.size()) < threads && Claim(cpu)) cpus_.push_back(cpu);
  }
  if (static_cast<int>(cpus_.size()) < threads) {
    Release();
    return;
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus_) CPU_SET(cpu, &set);
  RunOn(set);
}

CpuPlacement::~CpuPlacement() {
  if (!cpus_.empty()) RunOn(before_);
  Release();
}

bool CpuPlacement::Claim(int cpu) {
  const int claim = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (claim < 0) return false;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // A name that begins with a zero byte is abstract: it is in no folder.
  const std::string name = absl::StrCat("edgetp/cpu/", cpu);
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(claim, reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    close(claim);
    return false;
  }
  sockets_.push_back(claim);
  return true;
}

void CpuPlacement::Release() {
  for (const int claim : sockets_) close(claim);
  sockets_.clear();
  cpus_.clear();
}

}  // namespace edgetp
