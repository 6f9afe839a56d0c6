// Between the pure coordinator and the world: gives it the time, and carries out its outputs on
// streams, disk, metrics and log. Not thread-safe; everything is called on the server's loop.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/metrics/server_metrics.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/control.pb.h"
#include "server/active_run.h"
#include "server/blob_store.h"
#include "server/coordinator.h"
#include "server/network_names.h"
#include "server/predictor.h"
#include "server/run_book.h"
#include "server/sink.h"

namespace edgetp {

class Dispatcher {
 public:
  using WorkerStream = std::shared_ptr<Sink<v1::ServerMessage>>;

  // The pointers must outlive the dispatcher.
  Dispatcher(CoordinatorOptions options, const std::string& runs, BlobStore* blobs,
             ActiveRun* active_run, ServerMetrics* metrics, Predictor* predictor);

  // A stream that has said nothing yet; it has as long as a heartbeat may take.
  void ExpectJoin(const WorkerStream& stream);
  // Errors: those of Coordinator::CheckJoin.
  absl::Status CheckJoin(const v1::JoinRequest& request) const;
  // Errors: those of Coordinator::Join.
  absl::StatusOr<std::string> Join(const WorkerStream& stream, const v1::JoinRequest& request);
  void OnMessage(const std::string& worker, const v1::WorkerMessage& message);
  void OnClosed(const std::string& worker);
  void Tick();

  // Errors of these: as in control.proto; what the file system says.
  absl::Status Submit(const v1::JobSpec& spec, v1::SubmitResponse* response);
  absl::Status Stop(const std::string& run);
  absl::Status SetNetwork(const v1::SetNetworkRequest& request);
  v1::NetworkProfile network() const;
  absl::Status Watch(const std::string& run, RunBook::Watcher watcher);
  void FillStatus(v1::StatusResponse* status) const;

  // The last words on a run: the predictor has done its part. Of no other runs than those that it
  // was given.
  void Conclude(EndedRun ended, const Prediction& prediction);

  void Shutdown(const absl::Status& reason);

 private:
  // Ends the streams that have said nothing for too long.
  void DropStrangers(absl::Time now);
  void CarryOut(Outputs outputs);
  // Of an attempt that another one follows.
  void Lose(const LostAttempt& lost);
  void Begin(const std::string& run);
  void End(EndedRun ended);
  // The request with its profile complete, under a name that is its own.
  absl::StatusOr<NetworkChange> ResolveChange(const v1::SetNetworkRequest& request);
  absl::Status CheckChange(const NetworkChange& change, bool for_good) const;
  void LogNetwork(const std::string& whose, const std::string& profile);
  void UpdateGauges();

  struct Stranger {
    std::weak_ptr<Sink<v1::ServerMessage>> stream;
    absl::Time since;
  };

  const absl::Duration stranger_limit_;
  std::deque<Stranger> strangers_;  // oldest first; some have joined or gone meanwhile
  Coordinator coordinator_;
  const NetworkNames networks_;
  RunBook book_;
  BlobStore* const blobs_;
  ActiveRun* const active_run_;
  ServerMetrics* const metrics_;
  Predictor* const predictor_;
  std::map<std::string, WorkerStream> streams_;  // by worker id
};

}  // namespace edgetp
