// Membership, the queue, and a run from its workers' joining to its result.
#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "common/config/defaults.h"
#include "tests/server/coordinator_fixture.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST_F(CoordinatorTest, AWorkerIsWelcomedWithItsIdAndTheHeartbeatLimits) {
  EXPECT_EQ(Join(), "worker-1");
  ASSERT_EQ(out_.sends.size(), 1u);
  const v1::Welcome& welcome = out_.sends[0].second.welcome();
  EXPECT_EQ(welcome.worker_id(), "worker-1");
  EXPECT_DOUBLE_EQ(welcome.heartbeat_seconds(), 0.5);
  EXPECT_DOUBLE_EQ(welcome.heartbeat_limit_seconds(), 5);
}

TEST_F(CoordinatorTest, AWorkerOfAnotherVersionIsRefusedWithBothVersions) {
  const absl::Status status = TryJoin("0.0.9", "127.0.0.1:1").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("0.0.9"));
  EXPECT_THAT(std::string(status.message()), HasSubstr(kVersion));
}

TEST_F(CoordinatorTest, AWorkerWithoutPeerAddressIsRefused) {
  EXPECT_EQ(TryJoin(kVersion, "").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CoordinatorTest, ASecondJoinEndsTheStream) {
  Join();
  v1::WorkerMessage again;
  again.mutable_join();
  Tell("worker-1", again);
  ASSERT_EQ(out_.disconnects.size(), 1u);
  EXPECT_EQ(out_.disconnects[0].second.code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CoordinatorTest, RanksAreInOrderOfJoining) {
  Join();
  Join();
  Join();
  Submit("a", 2);
  EXPECT_THAT(Receivers(v1::ServerMessage::kAssign), ElementsAre("worker-1", "worker-2"));
  for (const auto& [worker, message] : out_.sends) {
    if (!message.has_assign()) continue;
    EXPECT_EQ(message.assign().rank(), worker == "worker-1" ? 0 : 1);
    EXPECT_EQ(message.assign().members_size(), 2);
    EXPECT_EQ(message.assign().job(), "a");
  }
}

TEST_F(CoordinatorTest, AJobWaitsForWorkersAndSaysForHowMany) {
  Join();
  Submit("a", 3);
  Join();
  Join();
  EXPECT_THAT(PhaseDetails(),
              ElementsAre("a: ", "a: waiting for 2 of 3 workers", "a: waiting for 1 of 3 workers",
                          "a: 3 workers build their shards"));
}

TEST_F(CoordinatorTest, AJobThatAsksForMoreWorkersThanJoinFailsAfterTheWait) {
  Join();
  Submit("a", 2);
  Pass(absl::Seconds(31), {"worker-1"});
  ASSERT_EQ(out_.ended.size(), 1u);
  EXPECT_EQ(out_.ended[0].outcome, "failed");
  EXPECT_EQ(FailureText(), "fewer workers than asked: 1 of 2 joined within 30 s");
}

TEST_F(CoordinatorTest, NobodyStartsBeforeAllAreReady) {
  Join();
  Join();
  Submit("a", 2);
  Ready("worker-2", "a");
  EXPECT_TRUE(Receivers(v1::ServerMessage::kStart).empty());
  Ready("worker-1", "a");
  EXPECT_THAT(Receivers(v1::ServerMessage::kStart), ElementsAre("worker-1", "worker-2"));
}

TEST_F(CoordinatorTest, ARankThatDoesNotGetReadyIsNamed) {
  Join();
  Join();
  Submit("a", 2);
  Ready("worker-1", "a");
  Pass(absl::Seconds(121), {"worker-1", "worker-2"});
  EXPECT_THAT(FailureText(), HasSubstr("rank 1 (worker-2, pid 102): not ready"));
  EXPECT_THAT(Receivers(v1::ServerMessage::kAbort), ElementsAre("worker-1", "worker-2"));
}

TEST_F(CoordinatorTest, AStepIsRecordedWhenAllRanksHaveReportedIt) {
  StartRun();
  Step("worker-1", "a", 1, 0.5);
  EXPECT_TRUE(out_.events.empty());
  Step("worker-1", "a", 2, 0.5);
  Step("worker-2", "a", 1, 0.6);
  ASSERT_EQ(out_.events.size(), 1u);
  const v1::StepRecord& record = out_.events[0].second.step();
  EXPECT_EQ(record.step(), 1);
  EXPECT_DOUBLE_EQ(record.step_seconds(), 0.55);
  EXPECT_DOUBLE_EQ(record.train_loss(), 4.0);
  EXPECT_DOUBLE_EQ(record.tokens_per_second(), 3 * 2 * 10 / 0.55);
}

// Two ranks on boards that compute a step in known time; nobody waits.
v1::JobSpec SimulatedJob() {
  v1::JobSpec spec = Job(2);
  v1::RunConfig* const config = spec.mutable_config();
  v1::ModelConfig* const model = config->mutable_model();
  model->set_layers(2);
  model->set_heads(2);
  model->set_channels(8);
  model->set_vocabulary(10);
  config->mutable_device()->set_flops_per_second(1e6);
  config->mutable_collective()->set_deadline_seconds(30);
  config->set_clock(v1::CLOCK_SIMULATED);
  FillDefaults(config);
  return spec;
}

TEST_F(CoordinatorTest, RanksAreToldTheSimulatedTimeWhereTheRunEndsByIt) {
  for (const char* run : {"without", "with"}) {
    Join();
    Join();
    v1::JobSpec spec = SimulatedJob();
    const bool limited = std::string(run) == "with";
    if (limited) spec.mutable_config()->mutable_train()->set_max_seconds(100);
    ASSERT_TRUE(coordinator_.Submit(now_, run, spec, &out_).ok());
    const std::string first = limited ? "worker-3" : "worker-1";
    const std::string second = limited ? "worker-4" : "worker-2";
    for (const std::string& worker : {first, second}) Ready(worker, run);
    for (int step = 1; step <= 2; ++step) {
      Step(first, run, step, 0);
      Step(second, run, step, 0);
    }
    EXPECT_EQ(Receivers(v1::ServerMessage::kClock).size(), limited ? 4u : 0u);
    coordinator_.OnStreamClosed(now_, first, &out_);
    coordinator_.OnStreamClosed(now_, second, &out_);
  }
  const auto last = std::find_if(out_.sends.rbegin(), out_.sends.rend(),
                                 [](const auto& send) { return send.second.has_clock(); });
  ASSERT_TRUE(last != out_.sends.rend());
  const v1::RunClock& clock = last->second.clock();
  EXPECT_EQ(clock.job(), "with");
  EXPECT_EQ(clock.step(), 2);
  EXPECT_GT(clock.step_seconds(), 0);
  EXPECT_GT(clock.seconds(), clock.step_seconds());
}

TEST_F(CoordinatorTest, AStepReportedTwiceEndsTheRun) {
  StartRun();
  Step("worker-2", "a", 1, 0.5);
  Step("worker-2", "a", 1, 0.5);
  EXPECT_THAT(
      FailureText(),
      HasSubstr("rank 1 (worker-2, pid 102): step report out of order (rank=1 want=2 got=1)"));
}

TEST_F(CoordinatorTest, TheRunIsDoneWhenAllRanksHaveSentTheirResult) {
  StartRun();
  Result("worker-2", "a");
  EXPECT_TRUE(out_.ended.empty());
  Result("worker-1", "a");
  ASSERT_EQ(out_.ended.size(), 1u);
  EXPECT_EQ(out_.ended[0].outcome, "done");
  EXPECT_THAT(Receivers(v1::ServerMessage::kFinish), ElementsAre("worker-1", "worker-2"));
  EXPECT_EQ(coordinator_.active(), nullptr);
}

TEST_F(CoordinatorTest, RunsTakeTheirTurnInOrder) {
  StartRun();
  Submit("b", 2);
  Submit("c", 2);
  EXPECT_THAT(PhaseDetails(), ElementsAre("b: behind 1 run", "c: behind 2 runs"));
  Result("worker-1", "a");
  Result("worker-2", "a");
  ASSERT_NE(coordinator_.active(), nullptr);
  EXPECT_EQ(coordinator_.active()->run(), "b");
  EXPECT_EQ(coordinator_.queued(), 1);
}

TEST_F(CoordinatorTest, AFullQueueRefuses) {
  for (const char* run : {"a", "b", "c"}) Submit(run, 1);
  EXPECT_EQ(coordinator_.Submit(now_, "d", Job(1), &out_).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(CoordinatorTest, AnIdleWorkerMayLeave) {
  StartRun();
  Join();
  coordinator_.OnStreamClosed(now_, "worker-3", &out_);
  EXPECT_TRUE(out_.ended.empty());
  v1::StatusResponse status;
  coordinator_.FillStatus(now_, &status);
  EXPECT_EQ(status.workers(2).state(), "gone");
  EXPECT_EQ(status.workers(0).state(), "busy");
}

TEST_F(CoordinatorTest, AWorkerIsMissedUntilAnotherJoins) {
  StartRun();
  coordinator_.OnStreamClosed(now_, "worker-2", &out_);
  EXPECT_TRUE(coordinator_.workers()[1].missed);
  EXPECT_EQ(coordinator_.lost_workers(), 1);
  Join();
  EXPECT_FALSE(coordinator_.workers()[1].missed);
  EXPECT_TRUE(coordinator_.workers()[1].gone);
}

TEST_F(CoordinatorTest, AWorkerThatSaysSoLeavesAndIsNotMissed) {
  StartRun();
  v1::WorkerMessage leave;
  leave.mutable_leave();
  Tell("worker-2", leave);
  coordinator_.OnStreamClosed(now_, "worker-2", &out_);
  EXPECT_TRUE(coordinator_.workers()[1].gone);
  EXPECT_FALSE(coordinator_.workers()[1].missed);
  EXPECT_EQ(coordinator_.lost_workers(), 0);
  EXPECT_EQ(FailureText(), "rank 1 (worker-2, pid 102): lost: it was told to stop");
}

TEST_F(CoordinatorTest, AWorkerLostAfterItsResultDoesNotFailTheRun) {
  StartRun();
  Result("worker-2", "a");
  coordinator_.OnStreamClosed(now_, "worker-2", &out_);
  Result("worker-1", "a");
  ASSERT_EQ(out_.ended.size(), 1u);
  EXPECT_EQ(out_.ended[0].outcome, "done");
}

TEST_F(CoordinatorTest, MessagesOfAnEndedJobAreIgnored) {
  StartRun();
  Failure("worker-1", "a", "bad", false);
  Submit("b", 2);
  out_ = Outputs();
  Failure("worker-2", "a", "aborted", true);
  Step("worker-2", "a", 1, 1.0);
  EXPECT_TRUE(out_.events.empty());
  EXPECT_TRUE(out_.ended.empty());
  EXPECT_EQ(coordinator_.active()->run(), "b");
}

TEST_F(CoordinatorTest, StopAbortsTheRunningJob) {
  StartRun();
  EXPECT_TRUE(coordinator_.Stop(now_, "a", &out_).ok());
  ASSERT_EQ(out_.ended.size(), 1u);
  EXPECT_EQ(out_.ended[0].outcome, "stopped");
  EXPECT_THAT(Receivers(v1::ServerMessage::kAbort), ElementsAre("worker-1", "worker-2"));
  EXPECT_EQ(coordinator_.Stop(now_, "a", &out_).code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(CoordinatorTest, StopTakesAQueuedJobOutOfTheQueue) {
  StartRun();
  Submit("b", 2);
  EXPECT_TRUE(coordinator_.Stop(now_, "b", &out_).ok());
  EXPECT_EQ(out_.ended[0].run, "b");
  EXPECT_EQ(coordinator_.queued(), 0);
  EXPECT_EQ(coordinator_.active()->run(), "a");
}

TEST_F(CoordinatorTest, StopOfAnUnknownRunIsNotFound) {
  EXPECT_EQ(coordinator_.Stop(now_, "x", &out_).code(), absl::StatusCode::kNotFound);
}

TEST_F(CoordinatorTest, AFailureOutsideTheWorkersEndsTheRun) {
  StartRun();
  coordinator_.FailRun(now_, "a", absl::ResourceExhaustedError("write metrics.jsonl: disk full"),
                       &out_);
  EXPECT_EQ(FailureText(), "write metrics.jsonl: disk full");
  EXPECT_EQ(out_.ended[0].outcome, "failed");
}

TEST_F(CoordinatorTest, ShutdownStopsEverythingAndDisconnectsEverybody) {
  StartRun();
  Submit("b", 2);
  coordinator_.Shutdown(now_, absl::UnavailableError("bye"), &out_);
  ASSERT_EQ(out_.ended.size(), 2u);
  EXPECT_EQ(out_.ended[0].outcome, "stopped");
  EXPECT_EQ(out_.ended[1].outcome, "stopped");
  EXPECT_EQ(out_.disconnects.size(), 2u);
  EXPECT_EQ(TryJoin(kVersion, "127.0.0.1:1").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(coordinator_.Submit(now_, "c", Job(1), &out_).code(), absl::StatusCode::kUnavailable);
}

TEST_F(CoordinatorTest, ARunGetsWorkersOfOneKindOfHardware) {
  JoinOn("cpu", "Xeon");
  JoinOn("cuda:0", "NVIDIA H200");
  JoinOn("cuda:1", "NVIDIA H200");
  Submit("a", 2);
  EXPECT_THAT(Receivers(v1::ServerMessage::kAssign), ElementsAre("worker-2", "worker-3"));
}

TEST_F(CoordinatorTest, TheKindThatJoinedFirstIsTakenWhereSeveralHaveEnough) {
  JoinOn("cpu", "Xeon");
  JoinOn("cuda:0", "NVIDIA H200");
  JoinOn("cuda:0", "NVIDIA H200");
  JoinOn("cuda:0", "NVIDIA H200");
  JoinOn("cpu", "Xeon");
  Submit("a", 2);
  EXPECT_THAT(Receivers(v1::ServerMessage::kAssign), ElementsAre("worker-1", "worker-5"));
}

TEST_F(CoordinatorTest, MixedHardwareIsRefusedAndTheKindsAreNamed) {
  JoinOn("cpu", "Xeon");
  JoinOn("cuda:0", "NVIDIA H200");
  JoinOn("cuda:1", "NVIDIA L4");
  Submit("a", 2);
  EXPECT_TRUE(Receivers(v1::ServerMessage::kAssign).empty());
  EXPECT_THAT(PhaseDetails().back(),
              HasSubstr("waiting for 1 of 2 workers of one kind of hardware (idle: 1 x cpu, 1 x "
                        "NVIDIA H200, 1 x NVIDIA L4; mixed"));
  Pass(absl::Seconds(31), {"worker-1", "worker-2", "worker-3"});
  ASSERT_EQ(out_.ended.size(), 1u);
  EXPECT_EQ(out_.ended[0].failure.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(FailureText(), HasSubstr("waited 30 s in vain for 1 of 2 workers of one kind"));
}

TEST_F(CoordinatorTest, ABenchmarkTakesAnyHardware) {
  JoinOn("cpu", "Xeon");
  JoinOn("cuda:0", "NVIDIA H200");
  v1::JobSpec bench = Job(2);
  bench.mutable_bench();
  ASSERT_TRUE(coordinator_.Submit(now_, "a", bench, &out_).ok());
  EXPECT_EQ(Receivers(v1::ServerMessage::kAssign).size(), 2u);
}

TEST_F(CoordinatorTest, UnlikeCpusAreUsedWithAWarning) {
  JoinOn("cpu", "Raspberry Pi 4", "OpenBLAS CORTEXA72");
  JoinOn("cpu", "Raspberry Pi 5", "OpenBLAS NEOVERSEN1");
  Submit("a", 2);
  EXPECT_EQ(Receivers(v1::ServerMessage::kAssign).size(), 2u);
  EXPECT_THAT(PhaseDetails().back(),
              HasSubstr("the workers differ (CPUs: Raspberry Pi 4, Raspberry Pi 5; BLAS: OpenBLAS "
                        "CORTEXA72, OpenBLAS NEOVERSEN1)"));
}

TEST_F(CoordinatorTest, ProgressGoesToWatchersUnlessNobodyCouldReadIt) {
  StartRun();
  v1::WorkerMessage message;
  message.mutable_progress()->set_job("a");
  message.mutable_progress()->set_activity("evaluating");
  message.mutable_progress()->set_done(3);
  Tell("worker-1", message);
  ASSERT_EQ(out_.events.size(), 1u);
  EXPECT_EQ(out_.events[0].first, "a");
  EXPECT_EQ(out_.events[0].second.progress().activity(), "evaluating");
  message.mutable_progress()->set_done(std::numeric_limits<double>::quiet_NaN());
  Tell("worker-1", message);
  message.mutable_progress()->set_done(3);
  message.mutable_progress()->set_job("another run");
  Tell("worker-1", message);
  EXPECT_EQ(out_.events.size(), 1u);
  message.mutable_progress()->set_job("a");
  message.mutable_progress()->set_activity(std::string(2000, 'x'));
  Tell("worker-1", message);
  ASSERT_EQ(out_.events.size(), 2u);
  EXPECT_EQ(out_.events[1].second.progress().activity(), std::string(1024, 'x')) << "cut";
}

TEST_F(CoordinatorTest, TextIsPassedOnAsItIsMadeAndATokenIsAStep) {
  Join();
  v1::JobSpec spec = Job(1);
  spec.mutable_sample()->set_tokens(3);
  ASSERT_TRUE(coordinator_.Submit(now_, "a", spec, &out_).ok());
  Ready("worker-1", "a");
  out_ = Outputs();
  v1::WorkerMessage message;
  message.mutable_sample()->set_job("a");
  message.mutable_sample()->set_text("the fox");
  Tell("worker-1", message);
  ASSERT_EQ(out_.events.size(), 1u);
  EXPECT_EQ(out_.events[0].second.sample().text(), "the fox");
  message.mutable_sample()->set_text(std::string(65 << 10, 'x'));
  Tell("worker-1", message);
  EXPECT_EQ(out_.events.size(), 1u) << "more than a job may say at a time";
  Step("worker-1", "a", 1, 0.5);
  Step("worker-1", "a", 2, 0.5);
  ASSERT_EQ(out_.events.size(), 3u);
  EXPECT_EQ(out_.events[2].second.step().tokens_per_second(), 2);
  Step("worker-1", "a", 3, 0.5);
  EXPECT_EQ(out_.ended.at(0).outcome, "failed") << "the first token is no step";
}

TEST_F(CoordinatorTest, OnlySamplingMakesText) {
  StartRun();
  v1::WorkerMessage message;
  message.mutable_sample()->set_job("a");
  message.mutable_sample()->set_text("the fox");
  Tell("worker-1", message);
  EXPECT_TRUE(out_.events.empty());
}

}  // namespace
}  // namespace edgetp
