// What the streams beside the Cluster stream need to know of the running job, and nothing else: its
// name, the one arbiter of its shared medium and of its trunks, and the files that its workers
// read. Thread-safe: streams ask at their own pace, the server's loop sets.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/status_macros.h"
#include "common/network/medium_arbiter.h"
#include "common/network/trunks.h"
#include "server/served_corpus.h"

namespace edgetp {

class ActiveRun {
 public:
  void Begin(const std::string& run) {
    const std::lock_guard<std::mutex> lock(mutex_);
    run_ = run;
    medium_ = MediumArbiter();
    trunks_.Clear();
    corpus_ = absl::NotFoundError("it reads no files of this host");
  }

  using SharedCorpus = std::shared_ptr<const ServedCorpus>;
  // Of the run that has begun last: the files, or why they cannot be served.
  void SetCorpus(absl::StatusOr<SharedCorpus> corpus) {
    const std::lock_guard<std::mutex> lock(mutex_);
    corpus_ = std::move(corpus);
  }
  // Errors: NotFound if the run is not running, or has no such corpus; that of SetCorpus.
  absl::StatusOr<SharedCorpus> Corpus(const std::string& run) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (run.empty() || run_ != run) return absl::NotFoundError("that run is not running");
    return corpus_;
  }

  // Nothing happens if another run has begun meanwhile.
  void End(const std::string& run) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (run_ != run) return;
    run_.clear();
    corpus_ = absl::NotFoundError("that run is not running");  // closes the files
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
    RETURN_IF_ERROR(CheckRuns(run));
    return medium_.Grant(handover, airtime);
  }

  // How long a piece that leaves from `start` on waits on its trunks (Trunks::Pass).
  // Errors: as Grant.
  absl::StatusOr<absl::Duration> Pass(const std::string& run, absl::Time start, absl::Duration span,
                                      absl::Span<const TrunkPassage> passages) {
    const std::lock_guard<std::mutex> lock(mutex_);
    RETURN_IF_ERROR(CheckRuns(run));
    return trunks_.Pass(start, span, passages);
  }

 private:
  absl::Status CheckRuns(const std::string& run) const {
    if (!run.empty() && run_ == run) return absl::OkStatus();
    return absl::NotFoundError(absl::StrCat("reserve medium: run ", run, " is not running"));
  }

  mutable std::mutex mutex_;
  std::string run_;
  MediumArbiter medium_;
  Trunks trunks_;
  absl::StatusOr<SharedCorpus> corpus_ = absl::NotFoundError("no run has begun");
};

}  // namespace edgetp
