#include "common/network/mahimahi_trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/network/trace_config.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Duration Ms(double ms) { return absl::Nanoseconds(1e6 * ms); }

std::string ErrorOf(const std::string& text) {
  const auto trace = ParseMahimahiTrace(text, "cell.trace");
  EXPECT_EQ(trace.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(trace.status().message());
}

TEST(MahimahiFileTest, EachLineIsATimeAndTimesMayRepeat) {
  EXPECT_THAT(ParseMahimahiTrace("0\n1\n1\n5\n", "t").value(), ElementsAre(0, 1, 1, 5));
  EXPECT_THAT(ParseMahimahiTrace("1\r\n5", "t").value(), ElementsAre(1, 5));
  EXPECT_THAT(ParseMahimahiTrace("1\r\n5\r\n\r\n\n \n", "t").value(), ElementsAre(1, 5));
}

// The link that a config has: times as they are, or from each to the next.
TEST(TraceConfigTest, GapsAreTimesAndTakePrecedence) {
  v1::LinkConfig link;
  SetTrace({0, 0, 7, 300}, &link);
  EXPECT_THAT(link.trace_gap_ms(), ElementsAre(0, 0, 7, 293));
  link.add_trace_ms(5);
  EXPECT_EQ(TraceSize(link), 4);
  EXPECT_THAT(TraceTimes(link).value(), ElementsAre(0, 0, 7, 300));
  ClearTrace(&link);
  EXPECT_EQ(TraceSize(link), 0);
  link.add_trace_gap_ms(UINT32_MAX);
  link.add_trace_gap_ms(1);
  EXPECT_EQ(TraceTimes(link).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(MahimahiFileTest, AWrongLineIsNamedWithTheRule) {
  EXPECT_THAT(ErrorOf("1\nx\n"),
              HasSubstr("cell.trace:2: must be a whole number of milliseconds (got \"x\")"));
  EXPECT_THAT(ErrorOf("1\n\n2\n"), HasSubstr("cell.trace:2: must be a whole number"));
  EXPECT_THAT(ErrorOf("-1\n"), HasSubstr("cell.trace:1: must be a whole number"));
  EXPECT_THAT(ErrorOf("1.5\n"), HasSubstr("cell.trace:1: must be a whole number"));
  EXPECT_THAT(ErrorOf("3\n2\n"),
              HasSubstr("cell.trace:2: must not be below the time before, 3 ms (got 2)"));
  EXPECT_THAT(ErrorOf("0\n0\n"), HasSubstr("cell.trace:2: a trace must end after 0 ms"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("cell.trace:0: a trace must have at least one line"));
  std::string many;
  for (int i = 0; i <= kMaxOpportunities; ++i) many += "1\n";
  EXPECT_THAT(ErrorOf(many), HasSubstr("cell.trace:3500001: a trace must have at most 3500000"));
}

TEST(MahimahiTraceTest, AnEvenTraceIsARate) {
  const MahimahiTrace trace({1, 2, 3, 4});  // 12 Mb/s
  EXPECT_DOUBLE_EQ(trace.MeanBitsPerSecond(), 12e6);
  for (const double start : {0.0, 0.25, 3.9, 4.0, 17.5}) {
    for (const int64_t bytes : {1, 1500, 6000, 1'000'000}) {
      const absl::Duration want = Ms(start) + absl::Seconds(8.0 * bytes / 12e6);
      EXPECT_LE(absl::AbsDuration(trace.Finish(Ms(start), bytes) - want), absl::Nanoseconds(2))
          << start << " " << bytes;
    }
  }
}

TEST(MahimahiTraceTest, BytesLeaveByTheTimesOfTheFile) {
  const MahimahiTrace trace({2, 2, 2, 10});  // 4500 bytes in 2 ms, then 1500 in 8
  EXPECT_EQ(trace.Finish(Ms(0), 4500), Ms(2));
  EXPECT_EQ(trace.Finish(Ms(0), 6000), Ms(10));
  EXPECT_EQ(trace.Finish(Ms(2), 750), Ms(6));
  EXPECT_EQ(trace.Finish(Ms(6), 750 + 2250), Ms(11));
  EXPECT_EQ(trace.Finish(Ms(5), 0), Ms(5));
}

TEST(MahimahiTraceTest, ItRepeats) {
  const MahimahiTrace trace({2, 2, 2, 10});
  EXPECT_EQ(trace.Finish(Ms(0), 5 * 6000 + 4500), Ms(52));
  EXPECT_EQ(trace.Finish(Ms(1000), 4500), Ms(1002));
}

TEST(MahimahiTraceTest, WhatEndsWithAPeriodDoesNotWaitForTheNext) {
  const MahimahiTrace trace({10});
  EXPECT_EQ(trace.Finish(Ms(0), 1500), Ms(10));
  EXPECT_EQ(trace.Finish(Ms(0), 3000), Ms(20));
}

TEST(MahimahiTraceTest, AnOpportunityAtZeroBelongsToTheEndOfThePeriod) {
  const MahimahiTrace trace({0, 1, 2});
  EXPECT_DOUBLE_EQ(trace.MeanBitsPerSecond(), 18e6);
  EXPECT_EQ(trace.Finish(Ms(0), 1500), Ms(1));
  EXPECT_EQ(trace.Finish(Ms(1), 3000), Ms(2));
}

TEST(MahimahiTraceTest, InPiecesOrInOneTheSameBytesTakeTheSameTime) {
  const MahimahiTrace trace({1, 1, 4, 9, 9, 9, 30});
  absl::Duration at = Ms(3);
  for (int i = 0; i < 100; ++i) at = trace.Finish(at, 777);
  EXPECT_LE(absl::AbsDuration(at - trace.Finish(Ms(3), 77700)), absl::Nanoseconds(200));
}

}  // namespace
}  // namespace edgetp
