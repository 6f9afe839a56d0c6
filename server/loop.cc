#include "server/loop.h"

#include <future>
#include <utility>

#include "common/base/clock.h"

namespace edgetp {

Loop::Loop(absl::Duration interval, std::function<void()> on_tick)
    : interval_(interval), on_tick_(std::move(on_tick)), thread_([this] { Main(); }) {}

Loop::~Loop() { Stop(); }

bool Loop::Post(std::function<void()> closure) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (stopped_) return false;
  closures_.push_back(std::move(closure));
  changed_.notify_one();
  return true;
}

void Loop::Run(const std::function<void()>& closure) {
  std::promise<void> done;
  if (Post([&] {
        closure();
        done.set_value();
      })) {
    done.get_future().wait();
  }
}

void Loop::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Loop::Main() {
  absl::Time next_tick = MonotonicNow() + interval_;
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait_for(lock, absl::ToChronoNanoseconds(next_tick - MonotonicNow()),
                      [this] { return stopped_ || !closures_.empty(); });
    std::deque<std::function<void()>> batch = std::exchange(closures_, {});
    const bool stop = stopped_ && batch.empty();
    lock.unlock();
    if (stop) return;
    for (const std::function<void()>& closure : batch) closure();
    batch.clear();
    if (MonotonicNow() >= next_tick) {
      on_tick_();
      next_tick = MonotonicNow() + interval_;
    }
    lock.lock();
  }
}

}  // namespace edgetp
