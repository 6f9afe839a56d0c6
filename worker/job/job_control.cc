#include "worker/job/job_control.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"

namespace edgetp {

void JobControl::Start() {
  std::lock_guard lock(mutex_);
  started_ = true;
  changed_.notify_all();
}

void JobControl::Finish() {
  std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

void JobControl::Abort(const absl::Status& status) {
  std::lock_guard lock(mutex_);
  if (!aborted_.ok()) return;
  aborted_ = status;
  if (on_abort_) on_abort_(status);
  changed_.notify_all();
}

void JobControl::SetNetwork(const v1::NetworkUpdate& update) {
  std::lock_guard lock(mutex_);
  network_ = update;
  if (on_network_) on_network_(update);
}

void JobControl::SetClock(const v1::RunClock& clock) {
  std::lock_guard lock(mutex_);
  clock_ = clock;
  changed_.notify_all();
}

absl::Status JobControl::aborted() const {
  std::lock_guard lock(mutex_);
  return aborted_;
}

void JobControl::Attach(AbortHook on_abort, NetworkHook on_network) {
  std::lock_guard lock(mutex_);
  on_abort_ = std::move(on_abort);
  on_network_ = std::move(on_network);
  if (network_.has_value()) on_network_(*network_);
  if (!aborted_.ok()) on_abort_(aborted_);
}

void JobControl::Detach() {
  std::lock_guard lock(mutex_);
  on_abort_ = nullptr;
  on_network_ = nullptr;
}

absl::Status JobControl::Await(const bool* condition, const char* what, absl::Time deadline) {
  std::unique_lock lock(mutex_);
  return AwaitThat([condition] { return *condition; }, what, deadline, &lock);
}

absl::StatusOr<v1::RunClock> JobControl::AwaitClock(int step, absl::Time deadline) {
  std::unique_lock lock(mutex_);
  RETURN_IF_ERROR(
      AwaitThat([this, step] { return clock_.step() >= step; }, "clock", deadline, &lock));
  return clock_;
}

absl::Status JobControl::AwaitThat(const std::function<bool()>& condition, const char* what,
                                   absl::Time deadline, std::unique_lock<std::mutex>* lock) {
  const bool woken =
      changed_.wait_until(*lock, ToSteady(deadline), [&] { return condition() || !aborted_.ok(); });
  if (!aborted_.ok()) return aborted_;
  if (!woken) {
    return absl::DeadlineExceededError(
        absl::StrCat("waiting for the server's ", what, ": deadline exceeded"));
  }
  return absl::OkStatus();
}

}  // namespace edgetp
