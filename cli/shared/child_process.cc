#include "cli/shared/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "common/base/clock.h"
#include "common/rpc/signals.h"

namespace edgetp {
namespace {

// How often an end is looked for; far below what anybody notices.
constexpr absl::Duration kPollInterval = absl::Milliseconds(5);

std::string DescribeEnd(int wait_status) {
  if (WIFEXITED(wait_status)) return absl::StrCat("exited with code ", WEXITSTATUS(wait_status));
  const int signal = WTERMSIG(wait_status);
  return absl::StrCat("killed by signal ", signal, " (", strsignal(signal), ")");
}

// What happens in the child. Only async-signal-safe calls: other threads may have held locks at the
// fork. Returns only if the program cannot be started, with errno set.
void Become(char* const argv[], const char* log_path, pid_t parent) {
  // Our handlers would tell the parent of signals that are meant for the child.
  RestoreDefaultSignals();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(EXIT_FAILURE);  // it ended before it could be watched
  setpgid(0, 0);
  const int input = open("/dev/null", O_RDONLY);
  const int output = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (input < 0 || output < 0) return;
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(output, STDERR_FILENO);
  execv(argv[0], argv);
}

// fork and exec: posix_spawn cannot set the signal for the parent's end. Returns an errno value.
int Spawn(const std::vector<std::string>& arguments, const std::string& log_path, pid_t* pid) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  int failure[2];  // the child's errno; closed by a successful exec
  if (pipe2(failure, O_CLOEXEC) != 0) return errno;
  const pid_t parent = getpid();
  *pid = fork();
  if (*pid == 0) {
    Become(argv.data(), log_path.c_str(), parent);
    const int error = errno;
    [[maybe_unused]] const ssize_t written = write(failure[1], &error, sizeof(error));
    _exit(EXIT_FAILURE);
  }
  int error = *pid < 0 ? errno : 0;
  close(failure[1]);
  ssize_t got;
  do {
    got = read(failure[0], &error, sizeof(error));
  } while (got < 0 && errno == EINTR);
  close(failure[0]);
  if (*pid > 0 && error != 0) waitpid(*pid, nullptr, 0);
  return error;
}

}  // namespace

absl::StatusOr<ChildProcess> ChildProcess::Start(const std::string& name,
                                                 const std::vector<std::string>& arguments,
                                                 const std::string& log_path) {
  pid_t pid = -1;
  const int error = Spawn(arguments, log_path, &pid);
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrCat("start ", name, ": ", strerror(error), " (program=", arguments[0], ")"));
  }
  return ChildProcess(name, log_path, pid);
}

ChildProcess::ChildProcess(std::string name, std::string log_path, pid_t pid)
    : name_(std::move(name)), log_path_(std::move(log_path)), pid_(pid) {}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : name_(std::move(other.name_)),
      log_path_(std::move(other.log_path_)),
      pid_(std::exchange(other.pid_, -1)),
      wait_status_(other.wait_status_) {}

ChildProcess::~ChildProcess() {
  if (pid_ < 0) return;
  Signal(SIGKILL);
  WaitUntil(absl::InfiniteFuture());  // a killed process ends
}

std::optional<std::string> ChildProcess::Ended() {
  if (!wait_status_.has_value()) {
    int status = 0;
    pid_t reaped;
    do {
      reaped = waitpid(pid_, &status, WNOHANG);
    } while (reaped < 0 && errno == EINTR);
    if (reaped == 0) return std::nullopt;
    wait_status_ = reaped == pid_ ? status : 0;
  }
  return DescribeEnd(*wait_status_);
}

void ChildProcess::Signal(int signal) {
  // Before it is reaped its number cannot be given to another process.
  if (!Ended().has_value()) kill(pid_, signal);
}

bool ChildProcess::WaitUntil(absl::Time deadline) {
  while (!Ended().has_value()) {
    if (MonotonicNow() >= deadline) return false;
    absl::SleepFor(kPollInterval);
  }
  return true;
}

std::string ChildProcess::LastLines(int count) const {
  std::ifstream file(log_path_);
  std::deque<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back(line);
    if (static_cast<int>(lines.size()) > count) lines.pop_front();
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace edgetp
