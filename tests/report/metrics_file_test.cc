#include "common/report/metrics_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<int> StepsOf(const MetricsFile& file) {
  std::vector<int> steps;
  for (const StepPoint& point : file.steps) steps.push_back(point.step);
  return steps;
}

TEST(MetricsFileTest, ARecordIsReadWithItsBreakdownAndEnergy) {
  const MetricsFile file = ParseMetrics(
      R"({"step":1,"wall_seconds":2,"train_loss":3.5,"val_loss":3.6,"step_seconds":0.5,)"
      R"("breakdown_seconds":{"compute":0.4,"straggler":0.1},"energy":{"joules":7}})"
      "\n",
      "m");
  ASSERT_EQ(file.steps.size(), 1u);
  EXPECT_THAT(file.warnings, IsEmpty());
  const StepPoint& point = file.steps[0];
  EXPECT_EQ(point.train_loss, 3.5);
  EXPECT_EQ(point.val_loss, 3.6);
  EXPECT_EQ(point.joules, 7);
  EXPECT_EQ((*point.breakdown)[0], 0.4);
}

TEST(MetricsFileTest, ABrokenLineIsLeftOutAndNamedWithFileLineAndRule) {
  const MetricsFile file = ParseMetrics(
      "{\"step\":1,\"wall_seconds\":1}\n{\"step\":2,\"wall_\n{\"step\":0,\"wall_seconds\":1}\n"
      "{\"step\":4,\"wall_seconds\":-1}\n\n{\"step\":5,\"wall_seconds\":5}",
      "runs/a/metrics.jsonl");
  EXPECT_THAT(StepsOf(file), ElementsAre(1, 5));
  EXPECT_THAT(
      file.warnings,
      ElementsAre(
          "runs/a/metrics.jsonl:2: must be one JSON object; the line was left out",
          "runs/a/metrics.jsonl:3: \"step\" must be a whole number from 1; the line was left out",
          "runs/a/metrics.jsonl:4: \"wall_seconds\" must be a number >= 0; the line was left out"));
}

TEST(MetricsFileTest, OfManyBrokenLinesTheFirstAreNamed) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "x\n";
  const MetricsFile file = ParseMetrics(text, "m");
  ASSERT_EQ(file.warnings.size(), 6u);
  EXPECT_EQ(file.warnings.back(), "m: 95 more lines were left out");
}

TEST(MetricsFileTest, OfAStepDoneTwiceTheLaterAttemptCounts) {
  const MetricsFile file = ParseMetrics(
      "{\"step\":1,\"wall_seconds\":1,\"attempt\":1,\"train_loss\":4}\n"
      "{\"step\":2,\"wall_seconds\":2,\"attempt\":1,\"train_loss\":3}\n"
      "{\"step\":3,\"wall_seconds\":3,\"attempt\":1,\"train_loss\":2}\n"
      "{\"step\":2,\"wall_seconds\":9,\"attempt\":2,\"train_loss\":3.5}\n",
      "m");
  // What the first attempt did after the checkpoint was undone, step 3 included.
  EXPECT_THAT(StepsOf(file), ElementsAre(1, 2));
  EXPECT_EQ(file.steps[1].attempt, 2);
  EXPECT_EQ(file.steps[1].train_loss, 3.5);
}

TEST(MetricsFileTest, ALossThatIsNoNumberIsAbsent) {
  const MetricsFile file =
      ParseMetrics("{\"step\":1,\"wall_seconds\":1,\"train_loss\":\"NaN\"}\n", "m");
  ASSERT_EQ(file.steps.size(), 1u);
  EXPECT_FALSE(file.steps[0].train_loss.has_value());
}

}  // namespace
}  // namespace edgetp
