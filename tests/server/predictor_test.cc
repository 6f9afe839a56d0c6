// Predictions on a thread of their own (server/predictor.h).
#include "server/predictor.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>

#include "common/config/convert.h"
#include "common/config/defaults.h"
#include "common/plan/step_plan.h"

namespace edgetp {
namespace {

// A run of many ranks: each of its steps takes long to simulate.
EndedRun TrainedRun(const std::string& name, int workers, int steps) {
  EndedRun ended{.run = name, .spec = {}, .outcome = "done", .failure = absl::OkStatus()};
  ended.spec.mutable_train();
  v1::RunConfig* const config = ended.spec.mutable_config();
  v1::ModelConfig* const model = config->mutable_model();
  model->set_layers(2);
  model->set_heads(workers);
  model->set_channels(8 * workers);
  model->set_sequence(4);
  model->set_vocabulary(10);
  config->set_pattern("t*2");
  config->set_workers(workers);
  config->mutable_network()->mutable_link()->set_delay_us(1000);
  config->mutable_collective()->set_algorithm("ring");
  FillDefaults(config);
  const auto plan = BuildStepPlan(*ToPlanOptions(*config));
  EXPECT_TRUE(plan.ok()) << plan.status();
  for (int rank = 0; rank < workers; ++rank) {
    v1::JobResult& result = ended.results.emplace_back();
    for (size_t i = 0; i <= Collectives(plan->steps[rank]).size(); ++i)
      result.add_compute_seconds(0.001f);
  }
  ended.networks["slow"] = config->network();
  ended.statistics.step_seconds.assign(steps, 0.1);
  ended.statistics.networks = {{"slow", steps}};
  return ended;
}

// What came out, by run.
class PredictorTest : public ::testing::Test {
 protected:
  Predictor::Done Collect() {
    return [this](EndedRun ended, Prediction prediction) {
      const std::lock_guard<std::mutex> lock(mutex_);
      steps_[ended.run] = prediction.steps;
      changed_.notify_all();
    };
  }
  // Blocks until: so many are done. The test's own limit ends a wait in vain.
  void AwaitRuns(size_t count) {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [&] { return steps_.size() == count; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> steps_;
};

TEST_F(PredictorTest, EveryRunIsPredicted) {
  Predictor predictor(absl::InfiniteDuration(), Collect());
  predictor.Post(TrainedRun("a", 2, 3));
  predictor.Post(TrainedRun("b", 2, 5));
  AwaitRuns(2);
  EXPECT_EQ(steps_, (std::map<std::string, int>{{"a", 3}, {"b", 5}}));
}

TEST_F(PredictorTest, WithoutTimeThereIsNoPrediction) {
  Predictor predictor(absl::ZeroDuration(), Collect());
  predictor.Post(TrainedRun("a", 32, 200));
  predictor.Stop();
  EXPECT_EQ(steps_, (std::map<std::string, int>{{"a", 0}}));
}

TEST_F(PredictorTest, StopCutsWhatIsBeingPredictedAndLosesNoRun) {
  Predictor predictor(absl::InfiniteDuration(), Collect());
  predictor.Post(TrainedRun("a", 64, 100'000));
  predictor.Post(TrainedRun("b", 64, 100'000));
  predictor.Stop();
  predictor.Post(TrainedRun("c", 2, 3));
  EXPECT_EQ(steps_.size(), 3u);
  EXPECT_LT(steps_["a"], 200);
  EXPECT_EQ(steps_["b"], 0);
  EXPECT_EQ(steps_["c"], 0);
}

TEST_F(PredictorTest, ACutRunIsDoneWithWhatThereIs) {
  Predictor predictor(absl::InfiniteDuration(), Collect());
  predictor.Post(TrainedRun("a", 64, 100'000));
  predictor.Cut("a");
  predictor.Cut("b");
  AwaitRuns(1);
  EXPECT_LT(steps_["a"], 200);
}

// One sum of a row instead of a sum of all rows of a batch, and no backward pass.
TEST_F(PredictorTest, TokensArePredictedByThePlanOfAToken) {
  EndedRun ended = TrainedRun("a", 2, 5);
  ended.spec.mutable_sample()->set_tokens(6);
  ended.spec.mutable_sample()->add_prompts()->add_tokens(1);
  EXPECT_TRUE(Predictor::Wants(ended));
  for (v1::JobResult& result : ended.results) {
    result.clear_compute_seconds();
    for (int i = 0; i < 5; ++i) result.add_compute_seconds(0.001f);  // around four sums
  }
  const auto prediction = PredictSteps(ended, [](double) { return false; });
  ASSERT_TRUE(prediction.ok()) << prediction.status();
  EXPECT_EQ(prediction->steps, 5);
  EXPECT_NEAR(prediction->step_seconds, 5 * 0.001 + 4 * 2 * 0.001, 1e-3);
  ended.statistics.step_seconds.clear();
  EXPECT_FALSE(Predictor::Wants(ended)) << "one token has no later ones";
}

TEST_F(PredictorTest, OnlyTrainingThatIsDoneAndWasMeasuredIsPredicted) {
  EndedRun ended = TrainedRun("a", 2, 3);
  EXPECT_TRUE(Predictor::Wants(ended));
  ended.outcome = "failed";
  EXPECT_FALSE(Predictor::Wants(ended));
  ended = TrainedRun("a", 2, 3);
  ended.spec.mutable_config()->set_clock(v1::CLOCK_SIMULATED);
  EXPECT_FALSE(Predictor::Wants(ended));
  ended = TrainedRun("a", 2, 3);
  ended.spec.mutable_bench();
  EXPECT_FALSE(Predictor::Wants(ended));
}

}  // namespace
}  // namespace edgetp
