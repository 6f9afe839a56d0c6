// Lists that differ by rank: which collectives belong together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/plan/step_plan.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

CollectiveStep Sum(std::vector<int> group, int64_t elements = 10) {
  CollectiveStep step{CollectiveTag{}, elements, WireFormat()};
  step.group = std::move(group);
  return step;
}

CollectiveStep Send(int from, int to, int64_t elements = 10) {
  CollectiveStep step = Sum({from, to}, elements);
  step.kind = CollectiveKind::kSend;
  return step;
}

CollectiveStep Part(CollectiveStep step, CollectivePart part) {
  step.part = part;
  step.handle = 0;
  return step;
}

StepPlan Plan(std::vector<std::vector<PlanStep>> lists) {
  StepPlan plan;
  plan.world_size = static_cast<int>(lists.size());
  plan.steps = std::move(lists);
  return plan;
}

void ExpectRefused(const StepPlan& plan, const std::string& why) {
  const absl::Status status = CheckGroups(plan);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(why));
}

TEST(GroupsTest, RanksOfAGroupMeetWhateverTheOthersDo) {
  EXPECT_TRUE(CheckGroups(Plan({{Sum({0, 1}), Sum({})},
                                {Sum({0, 1}), Sum({})},
                                {Sum({2, 3}), Sum({2, 3}), Sum({})},
                                {Sum({2, 3}), Sum({2, 3}), Sum({})}}))
                  .ok());
}

// Rank 0 sends twice before it receives; rank 1 answers in between: each direction has its own
// order.
TEST(GroupsTest, AMessageWaitsForItsReceiverAndNotForItsSender) {
  EXPECT_TRUE(CheckGroups(Plan({{Send(0, 1), Send(0, 1), Send(1, 0)},
                                {Send(0, 1), Send(1, 0), Send(0, 1)}}))
                  .ok());
}

TEST(GroupsTest, WhatStartsIsWhereItBelongs) {
  EXPECT_TRUE(CheckGroups(Plan({{Part(Sum({}), CollectivePart::kStart), Send(0, 1),
                                 Part(Sum({}), CollectivePart::kWait)},
                                {Part(Sum({}), CollectivePart::kStart),
                                 Part(Sum({}), CollectivePart::kWait), Send(0, 1)}}))
                  .ok());
}

TEST(GroupsTest, ARankThatWaitsForeverIsNamed) {
  ExpectRefused(Plan({{Sum({0, 1})}, {}}), "of rank 0: the others never come to it");
  ExpectRefused(Plan({{Send(0, 1)}, {}}), "of rank 0: nobody receives it");
  ExpectRefused(Plan({{}, {Send(0, 1)}}), "of rank 1: the others never come to it");
  ExpectRefused(Plan({{Send(1, 0), Send(0, 1)}, {Send(0, 1), Send(1, 0)}}),
                "the others never come to it");
  ExpectRefused(Plan({{Sum({0, 1}), Sum({})}, {Sum({}), Sum({0, 1})}}),
                "the others never come to it");
}

TEST(GroupsTest, RanksThatMeetMustDoTheSame) {
  ExpectRefused(Plan({{Sum({}, 1)}, {Sum({}, 2)}}), "another rank is at");
  ExpectRefused(Plan({{Send(0, 1, 1)}, {Send(0, 1, 2)}}), "what is sent is");
}

TEST(GroupsTest, AGroupNamesRanksOfThePlanOnceItsOwnAmongThem) {
  ExpectRefused(Plan({{Sum({0, 2})}, {}}), "there are 2 ranks");
  ExpectRefused(Plan({{Sum({0, -1})}, {}}), "there are 2 ranks");
  ExpectRefused(Plan({{Sum({1})}, {}}), "its rank is not in the group");
  ExpectRefused(Plan({{Sum({0, 0})}, {}}), "a rank is in the group twice");
  ExpectRefused(Plan({{Sum({1, 0})}, {Sum({1, 0})}}), "the ranks of an all-reduce must rise");
  CollectiveStep crowd = Send(0, 1);
  crowd.group.push_back(2);
  ExpectRefused(Plan({{crowd}, {crowd}, {crowd}}), "a message has two ranks");
}

TEST(GroupsTest, EachCollectiveIsVisitedOnceByItsFirstRank) {
  std::vector<int64_t> sizes;
  ForEachCollective(Plan({{Sum({}, 1), Send(1, 0, 2)}, {Sum({}, 1), Send(1, 0, 2)}}),
                    [&](const CollectiveStep& step) { sizes.push_back(step.elements); });
  EXPECT_EQ(sizes, (std::vector<int64_t>{1, 2}));
}

}  // namespace
}  // namespace edgetp
