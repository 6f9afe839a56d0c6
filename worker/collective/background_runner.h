// Runs tasks one after another on a thread of its own, beside the one that submits them. The thread
// begins with the first task, sleeps while there is none, and runs on the CPUs of the thread that
// submitted it. Used by CollectiveGroup for what runs under compute. One thread submits and waits.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace edgetp {

class BackgroundRunner {
 public:
  BackgroundRunner() = default;
  // Blocks until: all tasks are done.
  ~BackgroundRunner();
  BackgroundRunner(const BackgroundRunner&) = delete;
  BackgroundRunner& operator=(const BackgroundRunner&) = delete;

  // Returns the number of tasks so far.
  uint64_t Submit(std::function<void()> task);

  // Blocks until: so many of the tasks are done. What they wrote can be read then.
  void Await(uint64_t count);
  void AwaitAll() { Await(submitted_); }
  bool idle() const { return done_.load(std::memory_order_acquire) == submitted_; }

 private:
  void Run();

  uint64_t submitted_ = 0;
  std::atomic<uint64_t> done_{0};  // rises with mutex_ held

  std::mutex mutex_;
  std::condition_variable submission_;
  std::condition_variable completion_;
  std::deque<std::function<void()>> tasks_;  // guarded by mutex_, as is stop_
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace edgetp
