// One child process with its output in a file. Used by the launcher of local clusters. The kernel
// sends the child SIGTERM when the thread that started it ends, however that happens. One thread
// uses an object.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace edgetp {

class ChildProcess {
 public:
  // Starts `arguments[0]` (a path) in a process group of its own, so that Ctrl-C reaches only us
  // and we stop children in order; stdin is /dev/null, stdout and stderr go to `log_path`.
  // Errors: Unavailable with the system's reason.
  static absl::StatusOr<ChildProcess> Start(const std::string& name,
                                            const std::vector<std::string>& arguments,
                                            const std::string& log_path);

  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;
  // Kills and reaps what still runs.
  ~ChildProcess();

  const std::string& name() const { return name_; }
  const std::string& log_path() const { return log_path_; }
  pid_t pid() const { return pid_; }

  // How it ended ("exited with code 1", "killed by signal 9 (Killed)"); absent while it runs. Never
  // blocks.
  std::optional<std::string> Ended();
  // Sends a signal, if it still runs.
  void Signal(int signal);
  // Blocks until: it has ended (true) or `deadline` (false).
  bool WaitUntil(absl::Time deadline);

  // The last lines of its output.
  std::string LastLines(int count) const;

 private:
  ChildProcess(std::string name, std::string log_path, pid_t pid);

  std::string name_;
  std::string log_path_;
  pid_t pid_;  // -1: moved from
  std::optional<int> wait_status_;
};

}  // namespace edgetp
