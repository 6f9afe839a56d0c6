// The memory of runs: their events for those who watch, and their directories on disk. Not
// thread-safe; the server's loop owns it.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/control.pb.h"
#include "server/run_directory.h"
#include "server/sink.h"

namespace edgetp {

// Events of one run in memory, some 500 bytes each: more than a run that people look at has. Those
// of a longer one begin with a gap; its directory has all.
inline constexpr size_t kEventsKept = 100'000;

class RunBook {
 public:
  using Watcher = std::shared_ptr<Sink<v1::RunEvent>>;

  explicit RunBook(std::string root) : root_(std::move(root)) {}

  // The name for a new run: the asked one, or a default that nobody has.
  // Errors: InvalidArgument (name), AlreadyExists.
  absl::StatusOr<std::string> ChooseName(const v1::JobSpec& spec, absl::Time wall_now) const;

  // Begins the run's memory; training also gets a directory. Returns its path, or "".
  // Errors: those of RunDirectory::Create.
  absl::StatusOr<std::string> Open(const std::string& run, const v1::JobSpec& spec,
                                   absl::Time wall_now);

  // Tells the watchers, and writes a step to the run's directory.
  // Errors: what the file system says; the watchers have been told nevertheless.
  absl::Status Record(const std::string& run, const v1::RunEvent& event);

  // Writes the summary of training.
  absl::Status WriteSummary(const std::string& run, const v1::RunSummary& summary);

  // No more events: watchers' streams end.
  void Close(const std::string& run);

  // Sends all events so far, and those to come.
  // Errors: NotFound; ResourceExhausted if too many watch.
  absl::Status Watch(const std::string& run, Watcher watcher);

 private:
  struct Entry {
    std::unique_ptr<RunDirectory> directory;  // null: not training, or closed
    std::deque<std::shared_ptr<const v1::RunEvent>> events;
    std::vector<Watcher> watchers;
    bool closed = false;
  };

  // Forgets those who have gone.
  size_t CountWatchers();
  bool Taken(const std::string& run) const;

  const std::string root_;
  std::map<std::string, Entry> entries_;
  std::deque<std::string> closed_;  // oldest first
};

}  // namespace edgetp
