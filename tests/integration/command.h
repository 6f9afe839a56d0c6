// Runs the real programs from a test: a command with captured output, its descendants, and limits
// on everything.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace edgetp {

struct CommandResult {
  int code = -1;  // exit code; 128 + signal if one ended it
  std::string out;
  std::string err;
  absl::Duration elapsed;
};

// A program with arguments, in a folder, with the presets of the source tree. One thread.
class EdgetpCommand {
 public:
  EdgetpCommand(const std::string& folder, std::vector<std::string> arguments,
                const std::string& program = "edgetp");
  // Kills what is left.
  ~EdgetpCommand();
  EdgetpCommand(const EdgetpCommand&) = delete;

  pid_t pid() const { return pid_; }
  // Children of the program by name ("edgetp_worker"), in the order of their numbers.
  std::vector<pid_t> Children(const std::string& name) const;
  void Signal(int signal) const;
  std::string Out() const;
  std::string Err() const;

  // Blocks until: it has ended, or `limit` (then it is killed and the code is 137).
  CommandResult Wait(absl::Duration limit);

 private:
  std::string folder_;
  std::string stem_;  // of the files with its output
  absl::Time started_;
  pid_t pid_ = -1;
  bool reaped_ = false;
};

// Runs to the end.
CommandResult RunEdgetp(const std::string& folder, const std::vector<std::string>& arguments,
                        absl::Duration limit = absl::Seconds(60));

// True if the process exists and is no zombie.
bool IsAlive(pid_t pid);

// Blocks until: none of them is alive (true), or `limit` (false).
bool AwaitGone(const std::vector<pid_t>& pids, absl::Duration limit);

// The file's text; empty if there is none.
std::string ReadFile(const std::string& path);

}  // namespace edgetp
