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

// Events of one run in memory, some 400 bytes each: what somebody who watches late wants to see. Of
// those before, its directory has every step. Once it has ended, its end is left.
inline constexpr size_t kEventsKept = 10'000;
inline constexpr size_t kEndedEventsKept = 1'000;

class RunBook {
 public:
  using Watcher = std::shared_ptr<Sink<v1::RunEvent>>;

  explicit RunBook(std::string root) : root_(std::move(root)) {}

  // The name for a new run: the asked one, or a default that nobody has. For another attempt of a
  // run (TrainTask.same_run) its own.
  // Errors: InvalidArgument (name), AlreadyExists, NotFound (no such run to go on with).
  absl::StatusOr<std::string> ChooseName(const v1::JobSpec& spec, absl::Time wall_now) const;

  // Begins the run's memory; training also gets a directory. Returns its path, or "". `past`: of a
  // run that goes on.
  // Errors: those of RunDirectory::Create and Reopen.
  absl::StatusOr<std::string> Open(const std::string& run, const v1::JobSpec& spec,
                                   absl::Time wall_now, RunPast* past = nullptr);

  // Tells the watchers, and writes a step to the run's directory. Progress is told and forgotten.
  // Errors: what the file system says; the watchers have been told nevertheless.
  absl::Status Record(const std::string& run, const v1::RunEvent& event);

  // Writes the summary of training.
  absl::Status WriteSummary(const std::string& run, const v1::RunSummary& summary);

  // No more events: watchers' streams end.
  void Close(const std::string& run);

  // Sends the events that are kept, and those to come. Where older ones are not kept any more, the
  // first event says so, as progress.
  // Errors: NotFound; ResourceExhausted if too many watch.
  absl::Status Watch(const std::string& run, Watcher watcher);

 private:
  struct Entry {
    std::unique_ptr<RunDirectory> directory;  // null: not training, or closed
    std::string path;  // of the directory, also once it is closed; empty: not training
    std::deque<std::shared_ptr<const v1::RunEvent>> events;
    size_t forgotten = 0;  // events before those
    std::vector<Watcher> watchers;
    bool closed = false;
  };

  static void Forget(size_t kept, Entry* entry);
  // Forgets those who have gone.
  size_t CountWatchers();
  bool Taken(const std::string& run) const;

  const std::string root_;
  std::map<std::string, Entry> entries_;
  std::deque<std::string> closed_;  // oldest first
};

}  // namespace edgetp
