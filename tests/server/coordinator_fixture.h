// The coordinator's state machine: no gRPC, no disk, a clock that the test moves.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/base/version.h"
#include "server/coordinator.h"

namespace edgetp {

inline v1::JobSpec Job(int workers) {
  v1::JobSpec spec;
  spec.mutable_train();
  spec.mutable_config()->set_workers(workers);
  spec.mutable_config()->set_pattern("tt");
  spec.mutable_config()->mutable_train()->set_steps(2);
  spec.mutable_config()->mutable_train()->set_batch(3);
  spec.mutable_config()->mutable_train()->set_micro_batches(2);
  spec.mutable_config()->mutable_model()->set_sequence(10);
  spec.mutable_config()->mutable_network()->set_name("wifi-5");
  return spec;
}

class CoordinatorTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::string> TryJoin(const std::string& version, const std::string& address) {
    v1::JoinRequest request;
    request.set_version(version);
    request.mutable_member()->set_peer_address(address);
    request.set_process_id(100 + ++joined_);
    return coordinator_.Join(now_, request, &out_);
  }
  std::string Join() { return *TryJoin(kVersion, "127.0.0.1:1"); }
  std::string JoinOn(const std::string& device, const std::string& hardware,
                     const std::string& blas = "") {
    v1::JoinRequest request;
    request.set_version(kVersion);
    request.mutable_member()->set_peer_address("127.0.0.1:1");
    request.set_device(device);
    request.set_hardware(hardware);
    request.set_blas(blas);
    return *coordinator_.Join(now_, request, &out_);
  }
  void Submit(const std::string& run, int workers) {
    ASSERT_TRUE(coordinator_.Submit(now_, run, Job(workers), &out_).ok());
  }
  void Tell(const std::string& worker, const v1::WorkerMessage& message) {
    coordinator_.OnMessage(now_, worker, message, &out_);
  }
  void Beat(const std::string& worker) {
    v1::WorkerMessage message;
    message.mutable_heartbeat();
    Tell(worker, message);
  }
  void Ready(const std::string& worker, const std::string& run) {
    v1::WorkerMessage message;
    message.mutable_ready()->set_job(run);
    Tell(worker, message);
  }
  void Step(const std::string& worker, const std::string& run, int step, double seconds) {
    v1::WorkerMessage message;
    message.mutable_step()->set_job(run);
    message.mutable_step()->set_step(step);
    message.mutable_step()->set_step_seconds(seconds);
    message.mutable_step()->set_network("wifi-5");
    message.mutable_step()->mutable_bytes()->set_activation_fwd(1000);
    if (worker == "worker-1") message.mutable_step()->set_train_loss(4.0);
    Tell(worker, message);
  }
  void Result(const std::string& worker, const std::string& run) {
    v1::WorkerMessage message;
    message.mutable_result()->set_job(run);
    Tell(worker, message);
  }
  void Failure(const std::string& worker, const std::string& run, const std::string& text,
               bool secondary, absl::StatusCode code = absl::StatusCode::kDataLoss,
               int culprit = 0) {
    v1::WorkerMessage message;
    message.mutable_failure()->set_job(run);
    message.mutable_failure()->set_secondary(secondary);
    message.mutable_failure()->set_culprit(culprit);
    message.mutable_failure()->mutable_failure()->set_code(static_cast<int>(code));
    message.mutable_failure()->mutable_failure()->set_message(text);
    Tell(worker, message);
  }
  // Moves the clock in ticks while these workers send heartbeats.
  void Pass(absl::Duration span, const std::vector<std::string>& alive) {
    for (const absl::Time end = now_ + span; now_ < end;) {
      now_ += absl::Milliseconds(500);
      for (const std::string& worker : alive) Beat(worker);
      coordinator_.Tick(now_, &out_);
    }
  }
  // Two workers that run "a".
  void StartRun() {
    Join();
    Join();
    Submit("a", 2);
    Ready("worker-1", "a");
    Ready("worker-2", "a");
    ASSERT_TRUE(coordinator_.active() != nullptr);
    ASSERT_EQ(coordinator_.active()->phase(), ActiveJob::Phase::kRunning);
    out_ = Outputs();
  }
  // Who got a message of this kind, in order.
  std::vector<std::string> Receivers(v1::ServerMessage::BodyCase body) const {
    std::vector<std::string> workers;
    for (const auto& [worker, message] : out_.sends) {
      if (message.body_case() == body) workers.push_back(worker);
    }
    return workers;
  }
  std::vector<std::string> PhaseDetails() const {
    std::vector<std::string> details;
    for (const auto& [run, event] : out_.events) {
      if (event.has_phase()) details.push_back(run + ": " + event.phase().detail());
    }
    return details;
  }
  std::string FailureText() const {
    return out_.ended.empty() ? "" : std::string(out_.ended.back().failure.message());
  }

  absl::Time now_ = absl::UnixEpoch();
  Coordinator coordinator_{CoordinatorOptions{.max_queued = 3}};
  Outputs out_;
  int joined_ = 0;
};

}  // namespace edgetp
