// A worker's life: joins the server, takes one job after another, joins again when it has lost the
// server, and ends when a signal comes. Run is called by the main thread, which also computes; the link's threads only pass
// messages on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "edgetp/v1/cluster.pb.h"
#include "worker/job/job.h"
#include "worker/job/job_control.h"
#include "worker/job/server_link.h"

namespace edgetp {

// How long to try to join again, from the loss of the server on. Infinite: as long as it takes.
struct SessionOptions {
  ServerLinkOptions link;
  absl::Duration rejoin = absl::InfiniteDuration();
};

class Session {
 public:
  // `environment` is what every job of this process shares; it must outlive the session.
  Session(SessionOptions options, const JobEnvironment* environment);

  // Blocks until: Stop (OK); the first join fails for as long as connect_timeout, or the server is
  // lost for as long as `rejoin`, or it refuses this worker for good (its status).
  absl::Status Run();

  // Ends Run, and the job in progress with Cancelled. Thread-safe; not for signal handlers.
  void Stop();

 private:
  // One stay in the cluster, from joining to the end of the link. Sets joined_.
  absl::Status Stay(absl::Duration connect_timeout);
  // Blocks until: `pause` has passed, or Stop.
  void Sleep(absl::Duration pause);
  void OnMessage(const v1::ServerMessage& message);
  void OnClosed(const absl::Status& status);
  // Waits for the next assignment; none when the session is over.
  std::optional<v1::Assign> NextAssignment();
  void RunJob(const v1::Assign& assign, ServerLink* link);

  const SessionOptions options_;
  const JobEnvironment* const environment_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<v1::Assign> assignment_;
  std::shared_ptr<JobControl> control_;  // of the job that was assigned last
  std::string job_;                      // its name
  bool over_ = false;                    // this stay is
  bool joined_ = false;                  // in this stay
  std::atomic<bool> stopped_ = false;    // by Stop
  absl::Status closed_;                  // why, if not by Stop
};

// Whether no later try can change the server's answer: another version, a bad token, a message that
// it does not understand.
bool IsFinalRefusal(const absl::Status& status);

// How long to wait before the next try after `failures` in a row: from half a second on, doubled up
// to 5 s, and less by a random share of up to a half, so that the workers of a cluster do not all
// come at once. `random` is in [0, 1). Pure.
absl::Duration RejoinPause(int failures, double random);

}  // namespace edgetp
