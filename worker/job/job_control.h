// What the server has said about the job in progress. Written by the stream's thread, read and
// waited for by the job's. Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
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

  // The status that Abort gave, or OK.
  absl::Status aborted() const;

  // Blocks until: the server's word, an abort (its status), or the deadline (DeadlineExceeded).
  absl::Status AwaitStart(absl::Time deadline) { return Await(&started_, "start", deadline); }
  absl::Status AwaitFinish(absl::Time deadline) { return Await(&finished_, "finish", deadline); }

  // Calls `on_abort` and `on_network` from the stream's thread from now on; at once for what has
  // been said already. After Detach has returned, no hook runs.
  void Attach(AbortHook on_abort, NetworkHook on_network);
  void Detach();

 private:
  absl::Status Await(const bool* condition, const char* what, absl::Time deadline);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool started_ = false;
  bool finished_ = false;
  absl::Status aborted_;
  std::optional<v1::NetworkUpdate> network_;
  AbortHook on_abort_;
  NetworkHook on_network_;
};

}  // namespace edgetp
