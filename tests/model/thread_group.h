// An in-process group of ranks: one thread each, all-reduce in rank order under a lock.
// Checks that all ranks ask for the same collective, logs what they asked for, and can make a
// chosen call fail. Between Start and Wait the data is NaN, so that whoever uses it too early spoils
// his loss.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "worker/model/communicator.h"

namespace edgetp::test {

struct LoggedAllReduce {
  CollectiveTag tag;
  int64_t elements;
  bool gather = false;
  CollectivePart part = CollectivePart::kBoth;
  int64_t handle = -1;  // joins a kWait to its kStart: the kStarts of the log count from 0
};

class ThreadGroup {
 public:
  explicit ThreadGroup(int world_size);

  int world_size() const { return static_cast<int>(members_.size()); }
  Communicator* member(int rank) { return members_[rank].get(); }

  // Makes call number `number` (from 0) of `rank` return `status`; the others then get Aborted.
  // AllReduce, Gather, Start and Wait are calls.
  void FailAt(int rank, int number, absl::Status status);

  // What was asked for so far, in order.
  const std::vector<LoggedAllReduce>& log() const { return log_; }
  void ClearLog() {
    log_.clear();
    starts_ = 0;
  }

  // Calls body(rank) on one thread per rank and waits for all.
  void Run(const std::function<void(int)>& body);

 private:
  class Member;
  // What a call of a rank asks for.
  struct Request {
    CollectiveTag tag;
    bool gather = false;
    CollectivePart part = CollectivePart::kBoth;
  };
  absl::Status AllReduce(int rank, const Request& request, absl::Span<float> data);
  absl::Status Gather(int rank, const CollectiveTag& tag, absl::Span<const int64_t> counts,
                      absl::Span<float> data);
  absl::Status Complete(const Request& request);  // by the last rank to arrive
  // `number` of rank 0's kStart that this call ends.
  absl::Status Wait(int rank, const CollectiveTag& tag, int64_t elements, int64_t number);
  // Counts a call of a rank. Errors: that of an earlier failure, or this call's own.
  absl::Status Enter(int rank);
  absl::Status Abort(const absl::Status& cause, int culprit);

  std::vector<std::unique_ptr<Communicator>> members_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<absl::Span<float>> spans_;
  std::vector<CollectiveTag> tags_;
  std::vector<int> calls_;  // per rank
  int arrived_ = 0;
  int64_t round_ = 0;
  int64_t starts_ = 0;  // in the log
  absl::Status aborted_;
  int failing_rank_ = -1;
  int failing_number_ = -1;
  absl::Status failure_;
  std::vector<LoggedAllReduce> log_;
};

}  // namespace edgetp::test
