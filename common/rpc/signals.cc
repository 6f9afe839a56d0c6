#include "common/rpc/signals.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "common/base/clock.h"

namespace edgetp {
namespace {

// Handlers can reach nothing but globals; lock-free atomics and write() are async-signal-safe.
std::atomic<int> g_signal{0};
std::atomic<int> g_fd{-1};

// A terminal that closes, and Ctrl-\, end things in order, too.
constexpr int kShutdownSignals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

void OnSignal(int signal) {
  const int saved_errno = errno;
  int none = 0;
  g_signal.compare_exchange_strong(none, signal);
  const uint64_t one = 1;
  // The only failure is a full counter, which is readable all the same.
  [[maybe_unused]] const ssize_t written = write(g_fd.load(), &one, sizeof(one));
  errno = saved_errno;
}

}  // namespace

absl::Status CatchShutdownSignals() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, "catch signals: eventfd");
  g_fd.store(fd);
  struct sigaction action = {};
  action.sa_handler = &OnSignal;
  action.sa_flags = SA_RESTART | SA_RESETHAND;
  sigemptyset(&action.sa_mask);
  for (const int signal : kShutdownSignals) {
    struct sigaction before = {};
    if (sigaction(signal, nullptr, &before) != 0)
      return absl::ErrnoToStatus(errno, "catch signals: sigaction");
    // nohup has a reason.
    if (signal == SIGHUP && before.sa_handler == SIG_IGN) continue;
    if (sigaction(signal, &action, nullptr) != 0)
      return absl::ErrnoToStatus(errno, "catch signals: sigaction");
  }
  signal(SIGPIPE, SIG_IGN);
  return absl::OkStatus();
}

void RestoreDefaultSignals() {
  for (const int number : kShutdownSignals) {
    struct sigaction current = {};
    if (sigaction(number, nullptr, &current) == 0 && current.sa_handler != SIG_IGN)
      signal(number, SIG_DFL);
  }
}

void KeepStandardStreams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number, which is this one. Nothing is left to tell an error of that to.
    (void)open(fd == STDOUT_FILENO ? "/dev/full" : "/dev/null", O_RDWR);
  }
}

int ShutdownSignal() { return g_signal.load(); }

int ShutdownFd() { return g_fd.load(); }

int WaitForShutdownSignal(absl::Duration timeout) {
  const absl::Time deadline = MonotonicNow() + timeout;
  while (ShutdownSignal() == 0) {
    const absl::Duration left = deadline - MonotonicNow();
    if (left <= absl::ZeroDuration()) return 0;
    pollfd descriptor = {.fd = ShutdownFd(), .events = POLLIN, .revents = 0};
    // Rounded up, so that the last millisecond is not a busy loop; at most a minute, so that it
    // fits an int.
    const int64_t wait_ms = std::min<int64_t>(absl::ToInt64Milliseconds(left) + 1, 60'000);
    poll(&descriptor, 1, static_cast<int>(wait_ms));
  }
  return ShutdownSignal();
}

}  // namespace edgetp
