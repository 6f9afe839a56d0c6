// What the server has said about the job in progress. Written by the stream's thread, read and
// waited for by the job's. Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edgetp/v1/cluster.pb.h"

namespace edgetp {

class JobControl {
 public:
  using AbortHook = std::function<void(const absl::Status&)>;
  using NetworkHook = std::function<void(const v1::NetworkUpdate&)>;

  void Start();
  void Finish();
  // The first abort wins. Wakes every wait, and the job's collectives through the hook.
  void Abort(const absl::Status& status);
  void SetNetwork(const v1::NetworkUpdate& update);

  void SetClock(const v1::RunClock& clock);

  // The status that Abort gave, or OK.
  absl::Status aborted() const;

  // Blocks until: the server's word, an abort (its status), or the deadline (DeadlineExceeded).
  absl::Status AwaitStart(absl::Time deadline) { return Await(&started_, "start", deadline); }
  absl::Status AwaitFinish(absl::Time deadline) { return Await(&finished_, "finish", deadline); }
  // The same for what the simulated clock says after the step.
  absl::StatusOr<v1::RunClock> AwaitClock(int step, absl::Time deadline);

  // Calls `on_abort` and `on_network` from the stream's thread from now on; at once for what has
  // been said already. After Detach has returned, no hook runs.
  void Attach(AbortHook on_abort, NetworkHook on_network);
  void Detach();

 private:
  absl::Status Await(const bool* condition, const char* what, absl::Time deadline);
  absl::Status AwaitThat(const std::function<bool()>& condition, const char* what,
                         absl::Time deadline, std::unique_lock<std::mutex>* lock);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool started_ = false;
  bool finished_ = false;
  absl::Status aborted_;
  std::optional<v1::NetworkUpdate> network_;
  v1::RunClock clock_;  // of the last step that it was told
  AbortHook on_abort_;
  NetworkHook on_network_;
};

}  // namespace edgetp
