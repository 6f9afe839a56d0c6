#include "cli/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"

namespace edgetp {
namespace {

// How often an end is looked for; far below what anybody notices.
constexpr absl::Duration kPollInterval = absl::Milliseconds(5);

std::string DescribeEnd(int wait_status) {
  if (WIFEXITED(wait_status)) return absl::StrCat("exited with code ", WEXITSTATUS(wait_status));
  const int signal = WTERMSIG(wait_status);
  return absl::StrCat("killed by signal ", signal, " (", strsignal(signal), ")");
}

// posix_spawn and its settings. Returns an errno value.
int Spawn(const std::vector<std::string>& arguments, const std::string& log_path, pid_t* pid) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log_path.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);

  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int error = posix_spawn(pid, argv[0], &files, &attributes, argv.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
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
    if (absl::Now() >= deadline) return false;
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
