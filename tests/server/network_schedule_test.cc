#include "server/network_schedule.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;

v1::NetworkProfile Profile(const std::string& text) {
  v1::NetworkProfile profile;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &profile));
  return profile;
}

v1::NetworkPatch Patch(const std::string& text) {
  v1::NetworkPatch patch;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &patch));
  return patch;
}

// Home, from 20 s lte, from 30 s a partition, from 40 s home again.
v1::NetworkProfile Way(const std::string& more = "") {
  return Profile(R"(name: 'way' link { delay_us: 1 }
      events { at_seconds: 20 network { name: 'lte' link { delay_us: 35000 } } }
      events { at_seconds: 30 partition { groups { ranks: 0 } } }
      events { at_seconds: 40 restore {} })" +
                 more);
}

class NetworkScheduleTest : public ::testing::Test {
 protected:
  static absl::Time At(double seconds) { return absl::UnixEpoch() + absl::Seconds(seconds); }
  static std::string NameAt(NetworkSchedule& schedule, double seconds) {
    schedule.Advance(At(seconds));
    return schedule.current().name();
  }
  // What is to come: "20 way@20s:lte".
  static std::vector<std::string> Coming(const NetworkSchedule& schedule, double seconds) {
    std::vector<std::string> lines;
    const v1::NetworkProfile outlook = schedule.Outlook(At(seconds));
    for (const v1::NetworkEvent& event : outlook.events())
      lines.push_back(absl::StrCat(event.at_seconds(), " ", event.network().name()));
    return lines;
  }
};

TEST_F(NetworkScheduleTest, NothingHappensBeforeTheTimelineBegins) {
  NetworkSchedule schedule(Way());
  EXPECT_FALSE(schedule.Advance(At(1000)));
  EXPECT_EQ(schedule.current().name(), "way");
  EXPECT_EQ(schedule.current().events_size(), 0);
  EXPECT_THAT(Coming(schedule, 1000),
              ElementsAre("20 way@20s:lte", "30 way@30s:partition", "40 way"));
}

TEST_F(NetworkScheduleTest, AStateIsInForceFromItsTimeOn) {
  NetworkSchedule schedule(Way());
  schedule.Begin(At(100));
  EXPECT_FALSE(schedule.Advance(At(119.999)));
  EXPECT_TRUE(schedule.Advance(At(120)));
  EXPECT_EQ(schedule.current().link().delay_us(), 35000);
  EXPECT_FALSE(schedule.Advance(At(121)));
  EXPECT_EQ(NameAt(schedule, 130), "way@30s:partition");
  EXPECT_EQ(NameAt(schedule, 140), "way");
  EXPECT_EQ(NameAt(schedule, 1e6), "way");
}

TEST_F(NetworkScheduleTest, AfterAPauseOnlyTheLatestStateCounts) {
  NetworkSchedule schedule(Way());
  schedule.Begin(At(0));
  EXPECT_TRUE(schedule.Advance(At(35)));
  EXPECT_EQ(schedule.current().name(), "way@30s:partition");
  EXPECT_TRUE(schedule.Advance(At(50)));
  EXPECT_FALSE(schedule.Advance(At(60)));
}

TEST_F(NetworkScheduleTest, ATimelineThatRepeatsBeginsAgain) {
  NetworkSchedule schedule(Way(" repeat_seconds: 60"));
  schedule.Begin(At(0));
  EXPECT_EQ(NameAt(schedule, 59), "way");
  EXPECT_EQ(NameAt(schedule, 79), "way");
  EXPECT_EQ(NameAt(schedule, 80), "way@20s:lte");
  EXPECT_EQ(NameAt(schedule, 6090), "way@30s:partition");
  EXPECT_THAT(Coming(schedule, 6090),
              ElementsAre("10 way", "50 way@20s:lte", "60 way@30s:partition"));
}

TEST_F(NetworkScheduleTest, TheOutlookIsInSecondsFromNow) {
  NetworkSchedule schedule(Way());
  schedule.Begin(At(0));
  EXPECT_EQ(NameAt(schedule, 25), "way@20s:lte");
  EXPECT_THAT(Coming(schedule, 25), ElementsAre("5 way@30s:partition", "15 way"));
  schedule.Advance(At(50));
  EXPECT_TRUE(Coming(schedule, 50).empty());
}

TEST_F(NetworkScheduleTest, AReplacementDropsTheRestAndBeginsItsOwnTimeline) {
  NetworkSchedule schedule(Way());
  schedule.Begin(At(0));
  schedule.Replace(At(10), Profile("name: 'x' link {} events { at_seconds: 20 restore {} } events "
                                   "{ at_seconds: 25 network { name: 'y' link {} } }"));
  EXPECT_EQ(NameAt(schedule, 10), "x");
  EXPECT_EQ(NameAt(schedule, 34.9), "x");
  EXPECT_EQ(NameAt(schedule, 35), "x@25s:y");
}

TEST_F(NetworkScheduleTest, AReplacementBeforeTheBeginningWaitsForIt) {
  NetworkSchedule schedule(Profile("name: 'x' link {}"));
  schedule.Replace(At(0), Way());
  EXPECT_EQ(NameAt(schedule, 30), "way");
  schedule.Begin(At(30));
  EXPECT_EQ(NameAt(schedule, 49), "way");
  EXPECT_EQ(NameAt(schedule, 50), "way@20s:lte");
}

TEST_F(NetworkScheduleTest, BehindAHoldTheTimelineGoesOn) {
  NetworkSchedule schedule(Way());
  schedule.Begin(At(0));
  schedule.Hold(At(15), {Profile("name: 'bad' link {}"), {}}, absl::Seconds(10));
  EXPECT_EQ(NameAt(schedule, 15), "bad");
  EXPECT_THAT(Coming(schedule, 18), ElementsAre("7 way@20s:lte", "12 way@30s:partition", "22 way"));
  EXPECT_EQ(NameAt(schedule, 24.9), "bad");
  EXPECT_EQ(NameAt(schedule, 25), "way@20s:lte");
}

TEST_F(NetworkScheduleTest, AReplacementEndsAHold) {
  NetworkSchedule schedule(Way());
  schedule.Begin(At(0));
  schedule.Hold(At(5), {Profile("name: 'bad' link {}"), {}}, absl::Seconds(10));
  schedule.Replace(At(6), Profile("name: 'x' link {}"));
  EXPECT_EQ(NameAt(schedule, 6), "x");
  EXPECT_EQ(NameAt(schedule, 100), "x");
}

TEST_F(NetworkScheduleTest, AChangeDuringAHoldLastsAndLeavesTheHoldAlone) {
  NetworkSchedule schedule(Profile("name: 'lte' link { delay_us: 35000 }"));
  schedule.Begin(At(0));
  schedule.Hold(At(1), {std::nullopt, Patch("partition { ranks: 0 } partition { ranks: 1 }")},
                absl::Seconds(10));
  EXPECT_EQ(NameAt(schedule, 1), "lte+partition0-1");
  schedule.Change(At(2), Patch("links { link { delay_us: 5000 } }"));
  EXPECT_EQ(NameAt(schedule, 2), "lte+delay5ms+partition0-1");
  EXPECT_EQ(schedule.current().partition_size(), 2);
  EXPECT_EQ(schedule.current().link().delay_us(), 5000);
  EXPECT_THAT(Coming(schedule, 2), ElementsAre("9 lte+delay5ms"));
  EXPECT_EQ(NameAt(schedule, 11), "lte+delay5ms");
  EXPECT_EQ(schedule.current().partition_size(), 0);
}

TEST_F(NetworkScheduleTest, AChangeOfWhatAHoldNamesCountsAtOnceAndLater) {
  NetworkSchedule schedule(Profile("name: 'none' link {}"));
  schedule.Begin(At(0));
  schedule.Hold(At(1), {std::nullopt, Patch("links { link { delay_us: 9000 loss: 0.1 } }")},
                absl::Seconds(10));
  schedule.Change(At(2), Patch("links { link { delay_us: 5000 } }"));
  schedule.Advance(At(2));
  EXPECT_EQ(schedule.current().link().delay_us(), 5000);
  EXPECT_EQ(schedule.current().link().loss(), 0.1);
  EXPECT_EQ(NameAt(schedule, 11), "none+delay5ms");
  EXPECT_FALSE(schedule.current().link().has_loss());
}

TEST_F(NetworkScheduleTest, HoldsLieOverOneAnotherEachToItsOwnEnd) {
  NetworkSchedule schedule(Way());
  schedule.Begin(At(0));
  schedule.Hold(At(1), {std::nullopt, Patch("links { link { loss: 0.01 } }")}, absl::Seconds(24));
  schedule.Hold(At(2), {std::nullopt, Patch("partition { ranks: 1 }")}, absl::Seconds(5));
  EXPECT_EQ(NameAt(schedule, 2), "way+loss1pct+partition1");
  EXPECT_THAT(Coming(schedule, 2), ElementsAre("5 way+loss1pct", "18 way@20s:lte+loss1pct",
                                               "23 way@20s:lte", "28 way@30s:partition", "38 way"));
  EXPECT_EQ(NameAt(schedule, 7), "way+loss1pct");
  EXPECT_EQ(NameAt(schedule, 20), "way@20s:lte+loss1pct");
  EXPECT_EQ(schedule.current().link().delay_us(), 35000);
  EXPECT_EQ(NameAt(schedule, 25), "way@20s:lte");
  EXPECT_EQ(schedule.held(), 0u);
}

TEST_F(NetworkScheduleTest, AChangeForGoodDropsTheRestOfATimeline) {
  NetworkSchedule schedule(Way());
  schedule.Begin(At(0));
  schedule.Change(At(25), Patch("links { link { loss: 0.01 } }"));
  EXPECT_EQ(NameAt(schedule, 25), "way@20s:lte+loss1pct");
  EXPECT_EQ(NameAt(schedule, 100), "way@20s:lte+loss1pct");
}

TEST_F(NetworkScheduleTest, APreviewIsWithAndWithoutWhatIsHeld) {
  NetworkSchedule schedule(Profile("name: 'lte' link { delay_us: 1 }"));
  schedule.Begin(At(0));
  schedule.Hold(At(0), {std::nullopt, Patch("links { link { delay_us: 9000 } }")},
                absl::Seconds(10));
  const auto networks =
      schedule.Preview(At(1), {std::nullopt, Patch("links { link { loss: 0.1 } }")});
  ASSERT_EQ(networks.size(), 2u);
  EXPECT_EQ(networks[0].link().delay_us(), 9000);
  EXPECT_EQ(networks[1].link().delay_us(), 1);
  EXPECT_EQ(networks[1].link().loss(), 0.1);
}

TEST_F(NetworkScheduleTest, ANameThatStandsForNothingElseIsKept) {
  NetworkSchedule schedule(Profile("name: 'lte#2' link {}"));
  EXPECT_EQ(schedule.current().name(), "lte#2");
}

TEST_F(NetworkScheduleTest, ANameStandsForOneNetwork) {
  NetworkSchedule schedule(Profile("name: 'lte' link { delay_us: 1 }"));
  schedule.Replace(At(0), Profile("name: 'lte' link { delay_us: 2 }"));
  EXPECT_EQ(NameAt(schedule, 0), "lte#2");
  schedule.Replace(At(1), Profile("name: 'lte#2' link { delay_us: 3 }"));
  EXPECT_EQ(NameAt(schedule, 1), "lte#3");
  schedule.Replace(At(2), Profile("name: 'lte' link { delay_us: 1 }"));
  EXPECT_EQ(NameAt(schedule, 2), "lte");
  EXPECT_EQ(schedule.profiles().size(), 3u);
  EXPECT_EQ(schedule.profiles().at("lte#2").link().delay_us(), 2);
}

}  // namespace
}  // namespace edgetp
