#include "worker/collective/background_runner.h"

#include <utility>

#include "worker/transport/sharp_timers.h"

namespace edgetp {

BackgroundRunner::~BackgroundRunner() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  submission_.notify_one();
  thread_.join();
}

uint64_t BackgroundRunner::Submit(std::function<void()> task) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  submission_.notify_one();
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  return ++submitted_;
}

void BackgroundRunner::Await(uint64_t count) {
  if (done_.load(std::memory_order_acquire) >= count) return;
  std::unique_lock<std::mutex> lock(mutex_);
  completion_.wait(lock, [&] { return done_.load(std::memory_order_relaxed) >= count; });
}

void BackgroundRunner::Run() {
  // What it waits for has times, also while the other thread computes.
  SharpenTimers();
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    submission_.wait(lock, [this] { return stop_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    const std::function<void()> task = std::move(tasks_.front());
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
    done_.fetch_add(1, std::memory_order_release);
    completion_.notify_one();
  }
}

}  // namespace edgetp
