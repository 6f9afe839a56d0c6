#include "common/tensorboard/step_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <string>

namespace edgetp {
namespace {

using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

std::map<std::string, float> ValuesOf(const tensorboard::Event& event) {
  std::map<std::string, float> values;
  for (const auto& value : event.summary().value()) values[value.tag()] = value.simple_value();
  return values;
}

v1::StepRecord Step(int step) {
  v1::StepRecord record;
  record.set_step(step);
  record.set_train_loss(4.25);
  record.set_step_seconds(0.5);
  record.mutable_breakdown_seconds()->set_propagation(0.25);
  return record;
}

TEST(StepEventTest, WhatARecordSaysIsAScalarAndWhatItDoesNotSayIsAbsent) {
  std::set<std::string> described;
  const auto values = ValuesOf(StepEvent(Step(7), &described));
  EXPECT_EQ(values.at("loss/train"), 4.25f);
  EXPECT_EQ(values.at("step/seconds"), 0.5f);
  EXPECT_EQ(values.at("breakdown_seconds/propagation"), 0.25f);
  EXPECT_EQ(values.count("loss/validation"), 0u);
  EXPECT_EQ(values.count("step/joules"), 0u);
  EXPECT_EQ(values.count("step/mfu"), 0u);
}

TEST(StepEventTest, BeforeTheFirstUpdateThereAreLossesAlone) {
  v1::StepRecord record = Step(0);
  record.set_val_loss(4.5);
  std::set<std::string> described;
  const auto values = ValuesOf(StepEvent(record, &described));
  EXPECT_THAT(values, UnorderedElementsAre(std::pair("loss/train", 4.25f),
                                           std::pair("loss/validation", 4.5f)));
}

TEST(StepEventTest, ACurveIsDescribedOnceInAFile) {
  std::set<std::string> described;
  const tensorboard::Event first = StepEvent(Step(1), &described);
  EXPECT_THAT(first.summary().value(0).metadata().summary_description(), HasSubstr("nats"));
  v1::StepRecord record = Step(2);
  record.set_val_loss(4);
  const tensorboard::Event second = StepEvent(record, &described);
  for (const auto& value : second.summary().value())
    EXPECT_EQ(value.has_metadata(), value.tag() == "loss/validation") << value.tag();
}

TEST(StepEventTest, ALossThatIsNoNumberStaysNone) {
  v1::StepRecord record = Step(3);
  record.set_train_loss(std::numeric_limits<double>::quiet_NaN());
  std::set<std::string> described;
  EXPECT_TRUE(std::isnan(ValuesOf(StepEvent(record, &described)).at("loss/train")));
}

TEST(ScalarCurvesTest, EachHasATagOfItsOwnInAGroup) {
  std::set<std::string> tags;
  for (const ScalarCurve& curve : ScalarCurves()) {
    EXPECT_TRUE(tags.insert(curve.tag).second) << curve.tag;
    EXPECT_NE(curve.tag.find('/'), std::string::npos) << curve.tag;
    EXPECT_FALSE(curve.description.empty()) << curve.tag;
  }
}

TEST(SummaryMarkdownTest, CellsStayInTheirRows) {
  v1::RunSummary summary;
  summary.set_status("failed");
  summary.set_error("rank 1 | said\nno");
  EXPECT_THAT(SummaryMarkdown(summary), HasSubstr("| status | failed: rank 1 \\| said no |\n"));
  EXPECT_THAT(SummaryMarkdown(summary), HasSubstr("| validation loss (nats) | unknown |\n"));
}

TEST(MarkdownCodeTest, EveryLineIsIndented) {
  EXPECT_EQ(MarkdownCode("a: 1\n  b: 2"), "    a: 1\n      b: 2");
}

}  // namespace
}  // namespace edgetp
