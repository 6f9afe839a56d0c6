#include "worker/transport/sharp_timers.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace edgetp {
namespace {

// The least that Linux takes.
constexpr uint64_t kShortSliceNs = 100'000;

// struct sched_attr of the kernel, version 0; glibc has neither it nor its calls before 2.41.
struct SchedulingAttributes {
  uint32_t size = sizeof(SchedulingAttributes);
  uint32_t policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime_ns = 0;  // of an ordinary thread: its slice, since Linux 6.12
  uint64_t deadline_ns = 0;
  uint64_t period_ns = 0;
};

// Linux lets who wakes up interrupt a computing thread only where his slice ends before. Best
// effort: without it, a sleep ends up to a slice (3 ms) late while all cores compute.
void AskForShortSlice() {
  SchedulingAttributes attributes;
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0) != 0) return;
  attributes.runtime_ns = kShortSliceNs;
  syscall(SYS_sched_setattr, 0, &attributes, 0);
}

}  // namespace

void SharpenTimers() {
  prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
  AskForShortSlice();
}

}  // namespace edgetp
