// The one thread that owns the coordinator's state: closures in order of arrival, and a tick
// between them. Handlers of gRPC post and return.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/time/time.h"

namespace edgetp {

// Thread-safe.
class Loop {
 public:
  // Calls `on_tick` about every `interval`, after everything that was posted before.
  Loop(absl::Duration interval, std::function<void()> on_tick);
  ~Loop();

  // False after Stop: the closure is dropped.
  bool Post(std::function<void()> closure);
  // Runs `closure` on the loop.
  // Blocks until: it has returned. Not from the loop itself.
  void Run(const std::function<void()>& closure);
  // Blocks until: everything that was posted has run.
  void Stop();

 private:
  void Main();

  const absl::Duration interval_;
  const std::function<void()> on_tick_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> closures_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace edgetp
