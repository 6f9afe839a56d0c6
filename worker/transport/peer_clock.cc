#include "worker/transport/peer_clock.h"

#include <cerrno>
#include <ctime>

namespace edgetp {

void SleepUntil(absl::Time time) {
  const timespec until = absl::ToTimespec(time);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

}  // namespace edgetp
