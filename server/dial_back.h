// Tries whether an address that a worker advertises can be reached, before the worker is taken in:
// a TCP connection from here, which is closed at once. On threads of its own. Thread-safe.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace edgetp {

class DialBack {
 public:
  // Called on one of its threads, or by Check.
  using Done = std::function<void(const absl::Status&)>;

  // Each address gets `limit`; zero: all of them are taken for good.
  explicit DialBack(absl::Duration limit);
  ~DialBack();

  // `done` gets OK or Unavailable with the reason; ResourceExhausted if too many wait, Unavailable
  // after Stop.
  void Check(const std::string& address, Done done);
  // Blocks until: `done` has been called for all.
  void Stop();

 private:
  struct Call {
    std::string address;
    Done done;
  };

  void Main();

  const absl::Duration limit_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Call> calls_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace edgetp
