// The coordinator without gRPC, disk or clock: membership, run queue and the life of the running
// job. It is told what happened and when, and answers with Outputs. One owner (the server's loop).
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/control.pb.h"
#include "server/active_job.h"
#include "server/membership.h"
#include "server/outputs.h"

namespace edgetp {

struct CoordinatorOptions {
  absl::Duration heartbeat = absl::Milliseconds(500);
  absl::Duration heartbeat_limit = absl::Seconds(5);
  // How long the next job waits for as many workers as it needs.
  absl::Duration worker_wait = absl::Seconds(30);
  // From assignment to the last JobReady: corpus transfer, building the model, dialling the peers.
  absl::Duration ready_limit = absl::Seconds(120);
  int max_queued = 256;
  // The step of the run's newest sound checkpoint, below `before`; 0: it has none. Null: no run
  // has.
  std::function<int(const std::string& run, int before)> newest_checkpoint;
};

class Coordinator {
 public:
  explicit Coordinator(CoordinatorOptions options);

  // Errors: those of Membership::CheckJoin.
  absl::Status CheckJoin(const v1::JoinRequest& request) const {
    return Membership::CheckJoin(request);
  }
  // A worker's first message. Its welcome is among the outputs.
  // Errors: those of Membership::Join.
  absl::StatusOr<std::string> Join(absl::Time now, const v1::JoinRequest& request, Outputs* out);
  // Any later message. A worker that breaks the protocol is disconnected.
  void OnMessage(absl::Time now, const std::string& worker, const v1::WorkerMessage& message,
                 Outputs* out);
  void OnStreamClosed(absl::Time now, const std::string& worker, Outputs* out);
  // Call every fraction of the heartbeat limit; events of a network's timeline are as late as this.
  void Tick(absl::Time now, Outputs* out);

  // Errors: ResourceExhausted if the queue is full, Unavailable after Shutdown.
  absl::Status CanSubmit() const;
  // Appends a validated job. `run` is unique among all runs that have not ended; `history`: of one
  // that goes on.
  // Errors: those of CanSubmit.
  absl::Status Submit(absl::Time now, const std::string& run, const v1::JobSpec& spec,
                      Outputs* out, RunHistory history = {});
  // Errors: NotFound, FailedPrecondition if the run has ended.
  absl::Status Stop(absl::Time now, const std::string& run, Outputs* out);
  // Fails the run if it is queued or active: something outside went wrong, e.g. its directory
  // cannot be written.
  void FailRun(absl::Time now, const std::string& run, const absl::Status& reason, Outputs* out);
  // What it leads to is validated. Without `span`: the cluster's profile and that of the running
  // job are replaced or changed for good, each on its own, and what was left of their timelines is
  // dropped. With it: of the running job alone and for so long; there must be one then, and the
  // profile must not have events.
  void SetNetwork(absl::Time now, const NetworkChange& change, std::optional<absl::Duration> span,
                  Outputs* out);
  // The cluster's profile after such a change for good.
  v1::NetworkProfile ChangedClusterNetwork(const NetworkChange& change) const;
  // What a job without a network of its own takes: what was set last, without limits at first. Its
  // timeline, if it has one, begins with each such job's steps.
  const v1::NetworkProfile& cluster_network() const { return cluster_network_; }
  // In force, with what is to come as events: of the running job, else the cluster's.
  v1::NetworkProfile network(absl::Time now) const;
  uint64_t network_version() const { return network_version_; }
  // The job that has workers; nullptr if none.
  const ActiveJob* active() const { return active_.get(); }
  const std::vector<Worker>& workers() const { return membership_.workers(); }
  int lost_workers() const { return membership_.lost(); }
  int queued() const { return static_cast<int>(queue_.size()); }

  // Workers and runs; the rest of the message is the caller's.
  void FillStatus(absl::Time now, v1::StatusResponse* status) const;

  // Ends everything: the active job and the queue are stopped, workers are disconnected.
  void Shutdown(absl::Time now, const absl::Status& reason, Outputs* out);

 private:
  struct Queued {
    std::string run;
    v1::JobSpec spec;
    RunHistory history = {};
  };

  void OnJobMessage(absl::Time now, int rank, const v1::WorkerMessage& message, Outputs* out);
  // Tells everybody if another profile is in force.
  void FollowNetwork(absl::Time now, Outputs* out);
  void OnStep(absl::Time now, int rank, const v1::StepReport& report, Outputs* out);
  void OnProgress(const v1::JobProgress& progress, Outputs* out);
  // `missed`: the worker did not say that it would leave.
  void Lose(const std::string& worker, bool missed, const std::string& reason);
  // Carries out the end of the active job, and starts the next one, if it is time for either.
  void Advance(absl::Time now, Outputs* out);
  void StartNext(absl::Time now, Outputs* out);
  // The idle workers that the job would get: as many as it asks for, or too few.
  std::vector<Worker*> Candidates(const v1::JobSpec& spec);
  void WaitForWorkers(const std::string& missing, Outputs* out);
  // The first job of the queue has lost a worker, and waits for another one.
  void AwaitRejoin(absl::Time now, const std::string& missing, Outputs* out);
  void Activate(absl::Time now, Outputs* out);
  void FinishActive(absl::Time now, Outputs* out);
  // Puts the active job, which has lost a worker, first in the queue.
  // Errors: why it does not go on; nothing is changed then.
  absl::Status BeginAgain(absl::Time now, Outputs* out);
  void EndQueued(std::deque<Queued>::iterator job, const std::string& outcome,
                 const absl::Status& reason, Outputs* out);
  void Broadcast(const v1::ServerMessage& message, Outputs* out) const;
  void Announce(const std::string& run, v1::Phase::Name phase, const std::string& detail,
                Outputs* out);
  v1::StatusResponse::Run* FindRun(const std::string& run);

  CoordinatorOptions options_;
  Membership membership_;
  std::deque<Queued> queue_;
  std::unique_ptr<ActiveJob> active_;
  std::vector<v1::StatusResponse::Run> runs_;  // oldest first
  std::optional<absl::Time> waiting_since_;    // the first job of the queue, for workers
  std::string announced_missing_;              // what it has said that it waits for
  v1::NetworkProfile cluster_network_;
  uint64_t network_version_ = 0;
  bool shut_down_ = false;
};

}  // namespace edgetp
