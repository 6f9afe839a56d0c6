#include "server/dial_back.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/rpc/host.h"

namespace edgetp {
namespace {

// A name that cannot be resolved blocks its thread for seconds: others go on.
constexpr int kThreads = 4;
// As many workers as the largest run has may come at once.
constexpr size_t kMaxCalls = 4096;

}  // namespace

DialBack::DialBack(absl::Duration limit) : limit_(limit) {
  if (limit_ <= absl::ZeroDuration()) return;
  for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { Main(); });
}

DialBack::~DialBack() { Stop(); }

void DialBack::Check(const std::string& address, Done done) {
  if (limit_ <= absl::ZeroDuration()) return done(absl::OkStatus());
  absl::Status refusal;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopped_) {
      refusal = absl::UnavailableError("join: the server is shutting down");
    } else if (calls_.size() >= kMaxCalls) {
      refusal = absl::ResourceExhaustedError(
          absl::StrCat("join: too many addresses wait to be dialled (limit=", kMaxCalls, ")"));
    } else {
      calls_.push_back({address, std::move(done)});
      changed_.notify_one();
      return;
    }
  }
  done(refusal);
}

void DialBack::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void DialBack::Main() {
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopped_ || !calls_.empty(); });
    if (calls_.empty()) return;
    const Call call = std::move(calls_.front());
    calls_.pop_front();
    const bool stopped = stopped_;
    lock.unlock();
    call.done(stopped ? absl::UnavailableError("join: the server is shutting down")
                      : DialTcp(call.address, MonotonicNow() + limit_));
    lock.lock();
  }
}

}  // namespace edgetp
