// Who is in the cluster: workers in the order in which they joined, when they were last heard of,
// and which are gone. Pure (time is an argument); one owner.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/control.pb.h"

namespace edgetp {

struct Worker {
  std::string id;  // "worker-3"
  v1::JoinRequest join;
  absl::Time last_heard;
  bool gone = false;
  bool missed = false;      // gone without a word, and no other has joined in its place
  std::optional<int> rank;  // in the job that it works on

  bool idle() const { return !gone && !rank.has_value(); }
};

class Membership {
 public:
  // What a request alone tells.
  // Errors: InvalidArgument if a field is missing, too long, or an address that nobody can dial,
  // FailedPrecondition if its version differs from ours.
  static absl::Status CheckJoin(const v1::JoinRequest& request);
  // Takes a worker in and gives it the next id. It stands in for the one that has been missed for
  // longest.
  // Errors: those of CheckJoin; ResourceExhausted if there are as many as the largest run may have.
  absl::StatusOr<std::string> Join(absl::Time now, const v1::JoinRequest& request);

  // nullptr if there is no such worker, or it is gone.
  Worker* Find(const std::string& id);

  // Keeps the worker in the list for a while, for `edgetp status`. `missed`: it did not say that it
  // would leave.
  void SetGone(const std::string& id, bool missed);

  // Workers that were not heard of for longer than `limit`. A pause of this process itself (a
  // suspended host) is noticed by the gap between two calls, and forgiven.
  std::vector<std::string> Silent(absl::Time now, absl::Duration limit);

  // The first `count` idle workers in order of joining; fewer if there are not as many.
  std::vector<Worker*> Idle(int count);
  // The same of one kind of hardware (hardware.h): the kind of the worker that joined first, among
  // the kinds that have enough. Without such a kind, of the one that has most.
  std::vector<Worker*> IdleOfOneKind(int count);

  int CountIdle() const;
  const std::vector<Worker>& workers() const { return workers_; }
  // How many have been missed so far.
  int lost() const { return lost_; }
  void FillStatus(absl::Time now, v1::StatusResponse* status) const;

 private:
  std::vector<Worker> workers_;
  int joined_ = 0;
  int lost_ = 0;
  absl::Time last_check_ = absl::InfiniteFuture();
};

}  // namespace edgetp
