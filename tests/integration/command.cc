#include "tests/integration/command.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kPoll = absl::Milliseconds(10);

struct ProcessStat {
  std::string name;
  char state = 'X';  // X: there is no such process
  pid_t parent = 0;
};

// /proc/<pid>/stat: "pid (name) state parent ..."; the kernel cuts names after 15 letters.
ProcessStat StatOf(pid_t pid) {
  const std::string text = ReadFile(absl::StrCat("/proc/", pid, "/stat"));
  const size_t open = text.find('(');
  const size_t close = text.rfind(')');
  ProcessStat stat;
  if (open == std::string::npos || close == std::string::npos) return stat;
  stat.name = text.substr(open + 1, close - open - 1);
  stat.state = text[close + 2];
  stat.parent = static_cast<pid_t>(std::strtol(text.c_str() + close + 4, nullptr, 10));
  return stat;
}

[[noreturn]] void Execute(const std::string& folder, const std::string& stem,
                          const std::vector<std::string>& arguments, const std::string& name) {
  const int out = open((stem + ".out").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const int err = open((stem + ".err").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  setenv("EDGETP_CONFIG_PATH", EDGETP_SOURCE_DIR "/configs", 1);
  unsetenv("EDGETP_SERVER");
  if (chdir(folder.c_str()) != 0) _exit(126);
  const std::string program = EDGETP_BINARY_DIR "/bin/" + name;
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  _exit(127);
}

}  // namespace

EdgetpCommand::EdgetpCommand(const std::string& folder, std::vector<std::string> arguments,
                             const std::string& program)
    : folder_(folder), started_(absl::Now()) {
  static std::atomic<int> count{0};
  stem_ = absl::StrCat(folder, "/command-", count++);
  pid_ = fork();
  if (pid_ == 0) Execute(folder, stem_, arguments, program);
}

EdgetpCommand::~EdgetpCommand() {
  if (!reaped_) Wait(absl::ZeroDuration());
}

std::vector<pid_t> EdgetpCommand::Children(const std::string& name) const {
  std::vector<pid_t> children;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    const ProcessStat stat = StatOf(pid);
    if (stat.parent == pid_ && stat.name == name.substr(0, 15)) children.push_back(pid);
  }
  std::sort(children.begin(), children.end());
  return children;
}

void EdgetpCommand::Signal(int signal) const { kill(pid_, signal); }

std::string EdgetpCommand::Out() const { return ReadFile(stem_ + ".out"); }
std::string EdgetpCommand::Err() const { return ReadFile(stem_ + ".err"); }

CommandResult EdgetpCommand::Wait(absl::Duration limit) {
  const absl::Time deadline = absl::Now() + limit;
  int status = 0;
  while (waitpid(pid_, &status, WNOHANG) == 0) {
    if (absl::Now() >= deadline) kill(pid_, SIGKILL);
    absl::SleepFor(kPoll);
  }
  reaped_ = true;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {code, Out(), Err(), absl::Now() - started_};
}

CommandResult RunEdgetp(const std::string& folder, const std::vector<std::string>& arguments,
                        absl::Duration limit) {
  return EdgetpCommand(folder, arguments).Wait(limit);
}

bool IsAlive(pid_t pid) {
  const char state = StatOf(pid).state;
  return state != 'X' && state != 'Z';
}

bool AwaitGone(const std::vector<pid_t>& pids, absl::Duration limit) {
  const absl::Time deadline = absl::Now() + limit;
  while (std::any_of(pids.begin(), pids.end(), &IsAlive)) {
    if (absl::Now() >= deadline) return false;
    absl::SleepFor(kPoll);
  }
  return true;
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();  // unlike an iterator, throws nothing when a process of /proc has just gone
  return text.str();
}

}  // namespace edgetp
