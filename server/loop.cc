#include "server/loop.h"

#include <chrono>
#include <future>
#include <utility>

namespace edgetp {

absl::Time SteadyNow() {
  return absl::UnixEpoch() + absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

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
  absl::Time next_tick = SteadyNow() + interval_;
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait_for(lock, absl::ToChronoNanoseconds(next_tick - SteadyNow()),
                      [this] { return stopped_ || !closures_.empty(); });
    std::deque<std::function<void()>> batch = std::exchange(closures_, {});
    const bool stop = stopped_ && batch.empty();
    lock.unlock();
    if (stop) return;
    for (const std::function<void()>& closure : batch) closure();
    batch.clear();
    if (SteadyNow() >= next_tick) {
      on_tick_();
      next_tick = SteadyNow() + interval_;
    }
    lock.lock();
  }
}

}  // namespace edgetp
