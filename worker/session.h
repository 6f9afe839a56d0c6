// A worker's life: joins the server, takes one job after another, ends when the server is gone or a
// signal comes. Run is called by the main thread, which also computes; the link's threads only pass
// messages on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "absl/status/status.h"
#include "edgetp/v1/cluster.pb.h"
#include "worker/job.h"
#include "worker/job_control.h"
#include "worker/server_link.h"

namespace edgetp {

class Session {
 public:
  // `environment` is what every job of this process shares; it must outlive the session.
  Session(ServerLinkOptions options, const JobEnvironment* environment);

  // Blocks until: Stop (OK), or the server is lost or refuses this worker (its status).
  absl::Status Run();

  // Ends Run, and the job in progress with Cancelled. Thread-safe; not for signal handlers.
  void Stop();

 private:
  void OnMessage(const v1::ServerMessage& message);
  void OnClosed(const absl::Status& status);
  // Waits for the next assignment; none when the session is over.
  std::optional<v1::Assign> NextAssignment();
  void RunJob(const v1::Assign& assign, ServerLink* link);

  const ServerLinkOptions options_;
  const JobEnvironment* const environment_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<v1::Assign> assignment_;
  std::shared_ptr<JobControl> control_;  // of the job that was assigned last
  std::string job_;                      // its name
  bool over_ = false;
  std::atomic<bool> stopped_ = false;  // by Stop
  absl::Status closed_;                // why, if not by Stop
};

}  // namespace edgetp
