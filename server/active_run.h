// What the streams beside the Cluster stream need to know of the running job, and nothing else: its
// name, and the one arbiter of its shared medium. Thread-safe: streams ask at their own pace, the
// server's loop sets.
#pragma once

#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/network/medium_arbiter.h"

namespace edgetp {

class ActiveRun {
 public:
  void Begin(const std::string& run) {
    const std::lock_guard<std::mutex> lock(mutex_);
    run_ = run;
    medium_ = MediumArbiter();
  }

  // Nothing happens if another run has begun meanwhile.
  void End(const std::string& run) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (run_ == run) run_.clear();
  }

  bool Is(const std::string& run) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return !run.empty() && run_ == run;
  }

  // When the sender may use the medium.
  // Errors: NotFound if the run is not running.
  absl::StatusOr<absl::Time> Grant(const std::string& run, absl::Time handover,
                                   absl::Duration airtime) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (run.empty() || run_ != run)
      return absl::NotFoundError(absl::StrCat("reserve medium: run ", run, " is not running"));
    return medium_.Grant(handover, airtime);
  }

 private:
  mutable std::mutex mutex_;
  std::string run_;
  MediumArbiter medium_;
};

}  // namespace edgetp
