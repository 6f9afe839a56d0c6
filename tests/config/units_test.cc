#include "common/config/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgetp {
namespace {

using ::testing::HasSubstr;

TEST(UnitsTest, DelaysNeedAUnit) {
  EXPECT_EQ(*ParseDelay("50ms"), absl::Milliseconds(50));
  EXPECT_EQ(*ParseDelay("3us"), absl::Microseconds(3));
  EXPECT_EQ(*ParseDelay("1.5s"), absl::Milliseconds(1500));
  EXPECT_EQ(*ParseDelay("1e2 ms"), absl::Milliseconds(100));
  EXPECT_EQ(*ParseDelay("0"), absl::ZeroDuration());
  EXPECT_THAT(std::string(ParseDelay("50").status().message()),
              HasSubstr("delay \"50\": has no unit"));
  EXPECT_THAT(std::string(ParseDelay("5parsec").status().message()),
              HasSubstr("unknown unit; use one of ns, us, ms, s"));
  EXPECT_THAT(std::string(ParseDelay("-5ms").status().message()),
              HasSubstr("must not be negative"));
}

TEST(UnitsTest, RatesAreThoseOfTc) {
  EXPECT_EQ(*ParseRate("20mbit"), 20e6);
  EXPECT_EQ(*ParseRate("1Gbit"), 1e9);
  EXPECT_EQ(*ParseRate("56kbit"), 56e3);
  EXPECT_EQ(*ParseRate("9600bit"), 9600);
  EXPECT_THAT(std::string(ParseRate("0mbit").status().message()), HasSubstr("must be above 0"));
  EXPECT_FALSE(ParseRate("20").ok());
  EXPECT_FALSE(ParseRate("fast").ok());
}

TEST(UnitsTest, WhatPeopleWriteForAUnitIsUnderstoodOrAnsweredWithAGuess) {
  EXPECT_EQ(*ParseRate("20Mbit/s"), 20e6) << "as FormatRate prints it";
  EXPECT_EQ(*ParseRate(" 1 Gbit/s"), 1e9);
  const auto rate = [](const char* text) {
    return std::string(ParseRate(text).status().message());
  };
  EXPECT_THAT(rate("100Mbps"), HasSubstr("unknown unit; did you mean 100mbit? Known: bit, kbit"));
  EXPECT_THAT(rate("5MB/s"), HasSubstr("unknown unit; did you mean 5mbit?"));
  EXPECT_THAT(rate("1.5G"), HasSubstr("did you mean 1.5gbit?"));
  EXPECT_THAT(std::string(ParseDelay("50msec").status().message()),
              HasSubstr("did you mean 50ms?"));
  EXPECT_THAT(std::string(ParseBytes("4K").status().message()), HasSubstr("did you mean 4kib?"));
  EXPECT_THAT(std::string(ParseDelay("5mbps").status().message()),
              HasSubstr("unknown unit; use one"));
}

TEST(UnitsTest, NumbersInMessagesAreAsTheyWouldBeTyped) {
  EXPECT_EQ(FormatPlain(4190208), "4190208");
  EXPECT_EQ(FormatPlain(3.6e9), "3600000000");
  EXPECT_EQ(FormatPlain(1e-3), "0.001");
  EXPECT_EQ(FormatPlain(0.0001), "0.0001");
  EXPECT_EQ(FormatPlain(-2.5), "-2.5");
  EXPECT_EQ(FormatPlain(0), "0");
  EXPECT_EQ(FormatPlain(1e18), "1e18");
  EXPECT_EQ(FormatPlain(1e-12), "1e-12");
  EXPECT_EQ(UnitOfField("network.link.rate_bits_per_second"), " bit/s");
  EXPECT_EQ(UnitOfField("link.delay_us"), " us");
  EXPECT_EQ(UnitOfField("train.learning_rate"), "");
}

TEST(UnitsTest, SizesAreBinaryOrDecimalAsWritten) {
  EXPECT_EQ(*ParseBytes("4KiB"), 4096);
  EXPECT_EQ(*ParseBytes("36MiB"), 36 << 20);
  EXPECT_EQ(*ParseBytes("1.5KB"), 1500);
  EXPECT_EQ(*ParseBytes("1000"), 1000);
  EXPECT_FALSE(ParseBytes("1e30").ok());
  EXPECT_FALSE(ParseBytes("").ok());
}

TEST(UnitsTest, SharesArePercent) {
  EXPECT_DOUBLE_EQ(*ParsePercent("1%"), 0.01);
  EXPECT_DOUBLE_EQ(*ParsePercent("0.5 %"), 0.005);
  EXPECT_EQ(*ParsePercent("0"), 0);
  EXPECT_FALSE(ParsePercent("0.01").ok());
  EXPECT_FALSE(ParsePercent("101%").ok());
  EXPECT_FALSE(ParsePercent("nan%").ok());
}

TEST(UnitsTest, PeopleReadThreeDigits) {
  EXPECT_EQ(FormatBytes(12), "12 B");
  EXPECT_EQ(FormatBytes(384 * 1024), "384 KiB");
  EXPECT_EQ(FormatBytes(36 << 20), "36 MiB");
  EXPECT_EQ(FormatBytes(1.81e9), "1.69 GiB");
  EXPECT_EQ(FormatRate(300e6), "300 Mbit/s");
  EXPECT_EQ(FormatRate(5470), "5.47 kbit/s");
  EXPECT_EQ(FormatCount(123689472), "123.69M");
  EXPECT_EQ(FormatCount(128), "128");
}

TEST(UnitsTest, DurationsGrowIntoMinutesAndHours) {
  EXPECT_EQ(edgetp::FormatDuration(absl::ZeroDuration()), "0 s");
  EXPECT_EQ(edgetp::FormatDuration(absl::Microseconds(250)), "250 us");
  EXPECT_EQ(edgetp::FormatDuration(absl::Microseconds(12345)), "12.3 ms");
  EXPECT_EQ(edgetp::FormatDuration(absl::Milliseconds(1500)), "1.5 s");
  EXPECT_EQ(edgetp::FormatDuration(absl::Seconds(125)), "2m05s");
  EXPECT_EQ(edgetp::FormatDuration(absl::Minutes(63)), "1h03m");
  EXPECT_EQ(edgetp::FormatDuration(absl::InfiniteDuration()), "forever");
  EXPECT_EQ(edgetp::FormatDuration(absl::Milliseconds(-3)), "-3 ms");
}

TEST(UnitsTest, MoreThanAnythingHasIsRefusedRatherThanInfinite) {
  EXPECT_FALSE(ParseDelay("1e300s").ok());
  EXPECT_FALSE(ParseRate("1e300tbit").ok());
  EXPECT_FALSE(ParseBytes("1e308gb").ok());
}

}  // namespace
}  // namespace edgetp
