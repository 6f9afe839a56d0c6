// configs/runs has every configuration of the reference experiments, and each is what its name says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/config/convert.h"
#include "common/config/defaults.h"
#include "common/config/run_plans.h"
#include "common/config/validate.h"
#include "tests/config/shipped.h"

namespace edgetp {
namespace {

constexpr char kMiniGpt[] = "minigpt-shakespeare";
constexpr const char* kReferencePatterns[] = {"tstt", "tsst", "tsss", "ssss", "psss",
                                              "spss", "spps", "sspp", "sppp", "pppp"};

v1::RunConfig Preset(const std::string& name) {
  const absl::StatusOr<v1::RunConfig> run = Shipped().Run(name);
  EXPECT_TRUE(run.ok()) << run.status();
  return run.value_or(v1::RunConfig());
}

v1::RunConfig Resolved(const std::string& name) {
  v1::RunConfig run = Preset(name);
  if (!run.model().has_vocabulary()) run.mutable_model()->set_vocabulary(kAssumedVocabulary);
  FillDefaults(&run);
  return run;
}

int SyncPoints(const v1::RunConfig& run) {
  const absl::StatusOr<Pattern> pattern = Pattern::Parse(run.pattern(), run.model().layers());
  EXPECT_TRUE(pattern.ok()) << pattern.status();
  return pattern.ok() ? pattern->ForwardSyncPoints() : -1;
}

std::string WithoutPattern(v1::RunConfig run) {
  run.clear_pattern();
  return run.DebugString();
}

TEST(RunPresetsTest, AllResolveKeepTheRulesAndCanBePlanned) {
  for (const std::string& name : Shipped().Names(ConfigKind::kRun)) {
    const v1::RunConfig run = Resolved(name);
    EXPECT_EQ(ValidateRun(run, name), absl::OkStatus());
    const absl::StatusOr<RunPlans> plans = RunPlans::Build(run);
    ASSERT_TRUE(plans.ok()) << name << ": " << plans.status();
    EXPECT_EQ(plans->fullest().world_size, 2) << name;
  }
}

TEST(RunPresetsTest, TheDenseBaselineIsThatOfTheReference) {
  const v1::RunConfig run = Resolved(kMiniGpt);
  EXPECT_EQ(run.model().init(), v1::INIT_GPT2);
  EXPECT_EQ(SyncPoints(run), 8);
  EXPECT_EQ(run.train().steps(), 2000);
  EXPECT_EQ(run.train().decay_steps(), 2000);
  EXPECT_EQ(run.train().schedule(), "cosine");
  EXPECT_EQ(run.train().learning_rate(), 1e-3);
  EXPECT_EQ(run.train().min_learning_rate(), 1e-4);
  EXPECT_EQ(run.train().warmup_steps(), 100);
  EXPECT_EQ(run.train().beta2(), 0.99);
}

TEST(RunPresetsTest, MiniGptHasTheTenPatternsAndOtherwiseOneConfiguration) {
  const std::string common = WithoutPattern(Resolved(absl::StrCat(kMiniGpt, "-torch")));
  for (const char* pattern : kReferencePatterns) {
    const std::string name = absl::StrCat(kMiniGpt, "-", pattern);
    EXPECT_EQ(Preset(name).pattern(), pattern);
    const v1::RunConfig run = Resolved(name);
    EXPECT_EQ(run.model().init(), v1::INIT_TORCH);
    EXPECT_EQ(WithoutPattern(run), common) << name;
  }
}

TEST(RunPresetsTest, Gpt2HasAsManySyncPointsAsItsNameSays) {
  for (const int count : {24, 18, 16, 12, 9, 6, 4, 3, 2, 1})
    EXPECT_EQ(SyncPoints(Resolved(absl::StrCat("gpt2-sync", count))), count);
}

TEST(RunPresetsTest, Gpt2IsTrainedOnHalfAMillionTokensAStepWithTheKnownSettings) {
  const std::string common = WithoutPattern(Resolved("gpt2-sync24"));
  int count = 0;
  for (const std::string& name : Shipped().Names(ConfigKind::kRun)) {
    if (!absl::StartsWith(name, "gpt2-sync")) continue;
    EXPECT_EQ(WithoutPattern(Resolved(name)), common) << name;
    ++count;
  }
  EXPECT_EQ(count, 10);
  const v1::RunConfig run = Resolved("gpt2-sync24");
  EXPECT_EQ(run.model().sequence(), 1024);
  EXPECT_EQ(run.model().vocabulary(), 50304);
  EXPECT_TRUE(run.model().biases());
  EXPECT_EQ(SequencesPerStep(run) * run.model().sequence(), 491'520);
  const v1::TrainConfig& train = run.train();
  EXPECT_EQ(train.learning_rate(), 6e-4);
  EXPECT_EQ(train.min_learning_rate(), 6e-5);
  EXPECT_EQ(train.warmup_steps(), 2000);
  EXPECT_EQ(train.beta1(), 0.9);
  EXPECT_EQ(train.beta2(), 0.95);
  EXPECT_EQ(train.weight_decay(), 0.1);
  EXPECT_EQ(train.clip_norm(), 1.0);
}

TEST(RunPresetsTest, TheModelOfARunMayBeThePresetOfItsName) {
  const v1::RunConfig run = Preset("minigpt-shakespeare-tstt");
  EXPECT_EQ(run.model().layers(), 4);
  EXPECT_EQ(run.model().gelu(), v1::GELU_ERF);
  EXPECT_EQ(run.model().init(), v1::INIT_TORCH);  // the run's word
}

}  // namespace
}  // namespace edgetp
