#include "common/config/calendar.h"

#include <gtest/gtest.h>

#include <set>

namespace edgetp {
namespace {

std::set<int> AllDue(const Calendar& calendar, int steps, int interval) {
  std::set<int> due;
  for (int done = 1; done <= steps; ++done) {
    if (calendar.Due(done, interval)) due.insert(done);
  }
  return due;
}

TEST(CalendarTest, WithoutRoundsEveryIntervalIsDueAndTheEnd) {
  const Calendar calendar(10, 1);
  EXPECT_EQ(AllDue(calendar, 10, 3), (std::set<int>{3, 6, 9, 10}));
  EXPECT_EQ(AllDue(calendar, 10, 5), (std::set<int>{5, 10}));
  EXPECT_EQ(AllDue(calendar, 10, 0), (std::set<int>{10}));
  EXPECT_TRUE(calendar.Meets(7));
}

TEST(CalendarTest, WhatIsDueBetweenTwoExchangesComesAfterTheNext) {
  const Calendar calendar(22, 4);  // meets after 4, 8, 12, 16, 20 and 22
  EXPECT_FALSE(calendar.Meets(7));
  EXPECT_TRUE(calendar.Meets(8));
  EXPECT_TRUE(calendar.Meets(22));
  EXPECT_EQ(AllDue(calendar, 22, 6), (std::set<int>{8, 12, 20, 22}));  // of 6, 12 and 18
  EXPECT_EQ(AllDue(calendar, 22, 3), (std::set<int>{4, 8, 12, 16, 20, 22}));
  EXPECT_EQ(AllDue(calendar, 22, 100), (std::set<int>{22}));
}

TEST(CalendarTest, WhatIsLeftIsCountedAsItComes) {
  for (const int round : {1, 3, 4, 7, 40}) {
    for (const int interval : {0, 1, 2, 3, 5, 6, 11, 30, 50}) {
      const Calendar calendar(30, round);
      const std::set<int> due = AllDue(calendar, 30, interval);
      for (int from = 1; from <= 31; ++from) {
        EXPECT_EQ(calendar.CountDue(from, interval),
                  static_cast<int>(std::distance(due.lower_bound(from), due.end())))
            << round << " " << interval << " " << from;
      }
    }
  }
}

TEST(CalendarTest, OnlyLocalReplicasHaveRounds) {
  v1::RunConfig config;
  config.mutable_train()->set_steps(1000);
  EXPECT_EQ(Calendar(config).round(), 1);
  config.mutable_parallel()->set_strategy("local");
  EXPECT_EQ(Calendar(config).round(), 100);
  config.mutable_parallel()->set_inner_steps(7);
  EXPECT_EQ(Calendar(config).round(), 7);
  config.mutable_train()->set_steps(5);
  EXPECT_EQ(Calendar(config).round(), 5) << "the last step is an exchange";
  config.mutable_parallel()->set_strategy("data");
  EXPECT_EQ(Calendar(config).round(), 1);
}

}  // namespace
}  // namespace edgetp
