// The rules of parallel.strategy, and what a config becomes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/convert.h"
#include "common/config/run_plans.h"
#include "common/config/validate.h"
#include "tests/config/complete_run.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

v1::RunConfig CompleteRun(const std::vector<std::string>& overrides) {
  return CompleteRunOf({"model.layers=2", "model.heads=4", "model.channels=16", "model.sequence=8",
                        "model.vocabulary=11", "workers=3"},
                       overrides);
}

std::string Says(const std::vector<std::string>& overrides) {
  return std::string(ValidateRun(CompleteRun(overrides), "run").message());
}

TEST(StrategyRuleTest, ReplicasNeedNoHeadForEachWorker) {
  EXPECT_EQ(Says({"parallel.strategy=data"}), "");
  EXPECT_EQ(Says({"parallel.strategy=local"}), "");
  EXPECT_THAT(Says({"parallel.strategy=tensor"}), HasSubstr("run: workers: heads=4"));
}

TEST(StrategyRuleTest, ASecondWordIsToldTheOnesThatAreKnown) {
  EXPECT_EQ(Says({"parallel.strategy=pipeline"}),
            "run: parallel.strategy: \"pipeline\" is not a strategy that workers execute: they are "
            "tensor, data, local");
}

TEST(StrategyRuleTest, WhatAReplicaDoesNotHaveIsRefusedInOneLineEach) {
  const std::pair<const char*, const char*> rules[] = {
      {"pattern=ts",
       "run: pattern: must be t alone with strategy data: a replica has no sum over "
       "ranks to drop (got \"ts\")"},
      {"split=1,1,2",
       "run: split: must be absent with strategy data: every rank has the whole model"},
      {"parallel.vocabulary=true", "run: parallel.vocabulary: must be false with strategy data"},
      {"parallel.overlap=dw", "run: parallel.overlap: must be NONE with strategy data"},
      {"collective.wire_forward=bf16",
       "run: collective.wire_forward: must be fp32 with strategy data"},
      {"collective.wire_backward=int8",
       "run: collective.wire_backward: must be fp32 with strategy data"},
  };
  for (const auto& [override, violation] : rules) {
    const std::string said = Says({"parallel.strategy=data", override});
    EXPECT_THAT(said, HasSubstr(violation));
    EXPECT_THAT(said, Not(HasSubstr("\n"))) << override;
  }
  EXPECT_EQ(Says({"parallel.strategy=data", "collective.wire_grad_sync=int8"}), "");
}

TEST(StrategyRuleTest, EachNumberHasItsStrategyAndItsRange) {
  const std::pair<std::vector<std::string>, const char*> rules[] = {
      {{"workers=2", "parallel.bucket_bytes=4096"},
       "run: parallel.bucket_bytes: is of strategy data alone (got strategy tensor)"},
      {{"parallel.strategy=data", "parallel.inner_steps=5"},
       "run: parallel.inner_steps: is of strategy local alone (got strategy data)"},
      {{"parallel.strategy=data", "parallel.bucket_bytes=100"},
       "run: parallel.bucket_bytes: must be in [1024, "},
      {{"parallel.strategy=local", "parallel.inner_steps=0"},
       "run: parallel.inner_steps: must be in [1, 10000] (got 0)"},
      {{"parallel.strategy=local", "parallel.outer_learning_rate=0"},
       "run: parallel.outer_learning_rate: must be a finite number above 0"},
      {{"parallel.strategy=local", "parallel.outer_momentum=1"},
       "run: parallel.outer_momentum: must be in [0, 1) (got 1)"},
  };
  for (const auto& [overrides, violation] : rules)
    EXPECT_THAT(Says(overrides), HasSubstr(violation));
}

TEST(StrategyRuleTest, BucketsNeedACoreForTheirMessages) {
  const std::vector<std::string> one_core = {"device.name=tiny", "device.flops_per_second=1e9",
                                             "device.cores=1"};
  std::vector<std::string> data = one_core, local = one_core;
  data.push_back("parallel.strategy=data");
  local.push_back("parallel.strategy=local");
  EXPECT_THAT(Says(data), HasSubstr("run: parallel.strategy: a device of one core cannot overlap"));
  EXPECT_EQ(Says(local), "");
}

TEST(ReplicaOptionsTest, AbsentFieldsAreThoseOfThePapers) {
  const ReplicaOptions none = *ToReplicaOptions(CompleteRun({}));
  EXPECT_FALSE(none.replicated());
  const ReplicaOptions local = *ToReplicaOptions(CompleteRun({"parallel.strategy=local"}));
  EXPECT_EQ(local.exchange, Replicas::kWeights);
  EXPECT_EQ(local.inner_steps, 100);
  EXPECT_EQ(local.outer_learning_rate, 0.7);
  EXPECT_EQ(local.outer_momentum, 0.9);
  EXPECT_EQ(local.bucket_bytes, 25 << 20);
}

TEST(RunPlansTest, StepsOfLocalReplicasAreOfTwoKinds) {
  const RunPlans plans = *RunPlans::Build(
      CompleteRun({"parallel.strategy=local", "parallel.inner_steps=4", "train.steps=10"}));
  ASSERT_EQ(plans.all().size(), 2u);
  for (const int done : {1, 3, 5, 9}) EXPECT_TRUE(Collectives(plans.Of(done).steps[0]).empty());
  for (const int done : {4, 8, 10}) EXPECT_EQ(Collectives(plans.Of(done).steps[0]).size(), 1u);
  // Where each step is an exchange, there is one kind.
  const RunPlans each =
      *RunPlans::Build(CompleteRun({"parallel.strategy=local", "parallel.inner_steps=1"}));
  ASSERT_EQ(each.all().size(), 1u);
  EXPECT_EQ(Collectives(each.Of(1).steps[0]).size(), 1u);
}

TEST(RunPlansTest, OthersHaveOnePlanAndTheirMainAllReduce) {
  const RunPlans tensor = *RunPlans::Build(CompleteRun({"workers=2"}));
  ASSERT_EQ(tensor.all().size(), 1u);
  EXPECT_EQ(MainAllReduce(tensor.fullest().steps[0])->tag.traffic,
            TrafficClass::kActivationForward);
  const RunPlans data = *RunPlans::Build(CompleteRun({"parallel.strategy=data"}));
  ASSERT_EQ(data.all().size(), 1u);
  EXPECT_EQ(MainAllReduce(data.fullest().steps[0])->tag.traffic, TrafficClass::kGradSync);
  EXPECT_EQ(MainAllReduce(RunPlans::Build(CompleteRun({"workers=1"}))->fullest().steps[0]),
            nullptr);
}

TEST(RunPlansTest, AnEvaluatingReplicaIsByItself) {
  EXPECT_EQ(ToInferenceOptions(CompleteRun({"parallel.strategy=data"}))->world_size, 1);
  EXPECT_EQ(ToInferenceOptions(CompleteRun({"workers=2"}))->world_size, 2);
}

TEST(RunPlansTest, TokensOfAllReplicasCount) {
  EXPECT_EQ(SequencesPerStep(CompleteRun({"train.batch=5"})), 5);
  EXPECT_EQ(SequencesPerStep(CompleteRun({"train.batch=5", "parallel.strategy=data"})), 15);
}

}  // namespace
}  // namespace edgetp
