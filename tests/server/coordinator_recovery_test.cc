// How a run goes on that has lost a worker.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config/defaults.h"
#include "tests/server/coordinator_fixture.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RecoveryTest : public CoordinatorTest {
 protected:
  RecoveryTest() {
    coordinator_ =
        Coordinator(CoordinatorOptions{.newest_checkpoint = [this](const std::string&, int before) {
          return checkpoint_ < before ? checkpoint_ : 0;
        }});
  }

  v1::JobSpec Recovering(int workers, const std::string& on_loss) {
    v1::JobSpec spec = Job(workers);
    v1::RunConfig* const config = spec.mutable_config();
    config->mutable_train()->set_steps(10);
    config->mutable_train()->clear_micro_batches();
    config->mutable_model()->set_layers(2);
    config->mutable_model()->set_heads(4);
    config->mutable_model()->set_channels(8);
    config->mutable_model()->set_vocabulary(16);
    config->mutable_recovery()->set_on_loss(on_loss);
    config->mutable_recovery()->set_rejoin_seconds(4);
    config->mutable_recovery()->set_max_restarts(2);
    FillDefaults(config);
    return spec;
  }
  void Start(int workers, const std::string& on_loss) {
    for (int i = 0; i < workers; ++i) Join();
    ASSERT_TRUE(coordinator_.Submit(now_, "a", Recovering(workers, on_loss), &out_).ok());
    AllReady(workers, "a");
    out_ = Outputs();
  }
  void AllReady(int workers, const std::string& job) {
    for (const Worker& worker : coordinator_.workers()) {
      if (worker.rank.has_value()) ready_.push_back(worker.id);
    }
    ASSERT_THAT(ready_, SizeIs(workers));
    for (const std::string& id : ready_) Ready(id, job);
    ready_.clear();
  }
  void StepOfAll(const std::string& job, int step) {
    std::vector<std::string> busy;
    for (const Worker& worker : coordinator_.workers()) {
      if (worker.rank.has_value()) busy.push_back(worker.id);
    }
    for (const std::string& id : busy) Step(id, job, step, 1.0);
  }
  void Lose(const std::string& worker) { coordinator_.OnStreamClosed(now_, worker, &out_); }
  const v1::Assign* LastAssign() const {
    const v1::Assign* last = nullptr;
    for (const auto& [worker, message] : out_.sends) {
      if (message.has_assign()) last = &message.assign();
    }
    return last;
  }
  std::vector<int> AttemptsOfSteps() const {
    std::vector<int> attempts;
    for (const auto& [run, event] : out_.events) {
      if (event.has_step()) attempts.push_back(event.step().attempt());
    }
    return attempts;
  }

  int checkpoint_ = 0;
  std::vector<std::string> ready_;
};

TEST_F(RecoveryTest, ARunThatDoesNotSayOtherwiseFails) {
  Start(2, "fail");
  Lose("worker-2");
  EXPECT_EQ(FailureText(), "rank 1 (worker-2, pid 102): lost: stream closed");
  EXPECT_EQ(out_.ended[0].attempts, 1);
}

TEST_F(RecoveryTest, AWorkerThatComesBackGoesOnFromTheNewestCheckpoint) {
  Start(2, "wait");
  for (int step = 1; step <= 5; ++step) {
    now_ += absl::Seconds(1);
    StepOfAll("a", step);
  }
  checkpoint_ = 3;
  Lose("worker-2");
  EXPECT_THAT(out_.ended, IsEmpty());
  ASSERT_THAT(out_.lost, SizeIs(1));
  EXPECT_THAT(Receivers(v1::ServerMessage::kAbort), ElementsAre("worker-1", "worker-2"));
  EXPECT_THAT(PhaseDetails().back(),
              HasSubstr("lost: stream closed; attempt 2 begins after step 3"));
  EXPECT_EQ(coordinator_.active(), nullptr);
  Pass(absl::Seconds(2), {"worker-1"});
  EXPECT_THAT(out_.events.back().second.progress().activity(), HasSubstr("attempt 2: waiting for"));
  out_ = Outputs();
  Join();
  const v1::Assign* const assign = LastAssign();
  ASSERT_NE(assign, nullptr);
  EXPECT_EQ(assign->job(), "a#2");
  EXPECT_EQ(assign->spec().config().name(), "");
  EXPECT_TRUE(assign->spec().train().resume());
  EXPECT_EQ(assign->spec().weights_blob(), "checkpoint:a/3");
  // What a worker still says of the attempt before is not about this one.
  Failure("worker-1", "a", "peer closed the stream", false);
  EXPECT_NE(coordinator_.active()->phase(), ActiveJob::Phase::kEnded);
  AllReady(2, "a#2");
  for (int step = 4; step <= 10; ++step) StepOfAll("a#2", step);
  EXPECT_THAT(AttemptsOfSteps(), ElementsAre(2, 2, 2, 2, 2, 2, 2));
  Result("worker-1", "a#2");
  Result("worker-3", "a#2");
  ASSERT_THAT(out_.ended, SizeIs(1));
  EXPECT_EQ(out_.ended[0].outcome, "done");
  EXPECT_EQ(out_.ended[0].attempts, 2);
  EXPECT_EQ(out_.ended[0].steps_repeated, 2);
  EXPECT_DOUBLE_EQ(out_.ended[0].seconds_lost, 4);  // steps 4 and 5, and the wait
  EXPECT_EQ(out_.ended[0].statistics.step_seconds.size(), 12u);
}

TEST_F(RecoveryTest, ASpareWorkerTakesOverAtOnce) {
  Start(2, "wait");
  Join();
  Lose("worker-1");
  EXPECT_THAT(out_.ended, IsEmpty());
  ASSERT_NE(LastAssign(), nullptr);
  EXPECT_EQ(LastAssign()->job(), "a#2");
  EXPECT_FALSE(LastAssign()->spec().train().resume()) << "there is no checkpoint yet";
}

TEST_F(RecoveryTest, WithoutAnotherWorkerTheRunFailsAfterTheWait) {
  Start(2, "wait");
  Lose("worker-2");
  Pass(absl::Seconds(3), {"worker-1"});
  EXPECT_THAT(out_.ended, IsEmpty());
  Pass(absl::Seconds(1), {"worker-1"});
  EXPECT_THAT(FailureText(), HasSubstr("lost: stream closed; attempt 2 waited 4 s in vain for"));
  EXPECT_EQ(out_.ended[0].attempts, 1);
}

TEST_F(RecoveryTest, WithoutANewCheckpointItDoesNotBeginAgainForEver) {
  Start(2, "wait");
  checkpoint_ = 4;
  for (int attempt = 2; attempt <= 4; ++attempt) {
    Join();
    Lose(absl::StrCat("worker-", attempt));
    EXPECT_THAT(out_.ended, IsEmpty()) << attempt;
    if (attempt == 3) checkpoint_ = 6;  // counts anew
  }
  Lose("worker-5");
  EXPECT_THAT(out_.ended, IsEmpty());
  Join();
  Join();
  Lose("worker-6");
  EXPECT_THAT(FailureText(), HasSubstr("the run does not go on: it has begun again 2 times"));
  EXPECT_EQ(out_.ended[0].attempts, 5);
}

TEST_F(RecoveryTest, AFailureOfARanksOwnEndsTheRun) {
  Start(2, "wait");
  Failure("worker-2", "a", "the loss is not finite", false);
  EXPECT_EQ(FailureText(), "rank 1 (worker-2, pid 102): the loss is not finite");
}

TEST_F(RecoveryTest, ARunThatWaitsCanBeStopped) {
  Start(2, "wait");
  Lose("worker-2");
  EXPECT_TRUE(coordinator_.Stop(now_, "a", &out_).ok());
  ASSERT_THAT(out_.ended, SizeIs(1));
  EXPECT_EQ(out_.ended[0].outcome, "stopped");
}

TEST_F(RecoveryTest, ReshardGoesOnWithThoseThatAreLeft) {
  Start(2, "reshard");
  Lose("worker-1");
  ASSERT_NE(LastAssign(), nullptr);
  EXPECT_EQ(LastAssign()->spec().config().workers(), 1);
  EXPECT_EQ(LastAssign()->rank(), 0);
}

TEST_F(RecoveryTest, ReshardSaysWhyTheModelDoesNotFitFewer) {
  Start(4, "reshard");
  Lose("worker-1");
  EXPECT_THAT(FailureText(), HasSubstr("the run does not go on: job: workers: "));
}

}  // namespace
}  // namespace edgetp
