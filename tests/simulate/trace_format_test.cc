// The rules of Chrome's trace-event format ("Trace Event Format", Google, sections "Complete
// Events" and "Metadata Events"), which Perfetto reads: what breaks one of them is dropped or drawn
// wrongly.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "common/simulate/trace.h"
#include "tests/simulate/uniform.h"

namespace edgetp {
namespace {

using nlohmann::json;

// Everything at once: jitter, loss, a shared medium, skewed ranks, software.
json RoughTrace(const std::string& algorithm, uint64_t seed) {
  const StepPlan plan = testing::AllReducePlan(4, {testing::kElements, 1000, testing::kElements});
  TraceRecorder recorder(plan, {"a \"quoted\" \\ name", "b", "b", "tab\there"});
  auto simulator = TimelineSimulator::Create(testing::RoughOptions(4, algorithm, seed)).value();
  EXPECT_TRUE(simulator.RunStep(plan, testing::UnevenCompute(plan), &recorder).ok());
  return json::parse(recorder.Json());
}

class TraceFormatTest : public ::testing::TestWithParam<std::string> {
 protected:
  const json trace_ = RoughTrace(GetParam(), 1);
  const json& events() const { return trace_["traceEvents"]; }
};

TEST_P(TraceFormatTest, TheDocumentIsAnObjectWithAListOfEvents) {
  EXPECT_EQ(trace_["displayTimeUnit"], "ms");
  ASSERT_TRUE(events().is_array());
  EXPECT_GT(events().size(), 10u);
}

TEST_P(TraceFormatTest, EveryEventIsACompleteSliceOrAName) {
  for (const json& event : events()) {
    ASSERT_TRUE(event["name"].is_string() && !event["name"].get<std::string>().empty()) << event;
    ASSERT_TRUE(event["pid"].is_number_integer() && event["pid"] >= 1) << event;
    ASSERT_TRUE(event["tid"].is_number_integer() && event["tid"] >= 0) << event;
    ASSERT_TRUE(event["args"].is_object()) << event;
    if (event["ph"] == "M") {
      EXPECT_TRUE(event["name"] == "process_name" || event["name"] == "thread_name") << event;
      EXPECT_TRUE(event["args"]["name"].is_string()) << event;
      continue;
    }
    ASSERT_EQ(event["ph"], "X") << event;
    ASSERT_TRUE(event["ts"].is_number() && event["ts"] >= 0) << event;
    ASSERT_TRUE(event["dur"].is_number() && event["dur"] >= 0) << event;
  }
}

TEST_P(TraceFormatTest, EveryProcessAndEveryTrackHasOneName) {
  std::map<int, int> processes;
  std::map<std::pair<int, int64_t>, int> tracks;
  for (const json& event : events()) {
    if (event["ph"] != "M") continue;
    if (event["name"] == "process_name") ++processes[event["pid"]];
    if (event["name"] == "thread_name") ++tracks[{event["pid"], event["tid"]}];
  }
  for (const auto& [process, names] : processes) EXPECT_EQ(names, 1) << process;
  for (const auto& [track, names] : tracks) EXPECT_EQ(names, 1) << track.first;
  for (const json& event : events()) {
    if (event["ph"] != "X") continue;
    EXPECT_EQ(processes.count(event["pid"]), 1u) << event;
    EXPECT_EQ((tracks.count({event["pid"], event["tid"]})), 1u) << event;
  }
}

TEST_P(TraceFormatTest, NamesComeFirstAndSlicesRiseWithTime) {
  double before = 0;
  bool slices = false;
  for (const json& event : events()) {
    if (event["ph"] == "M") {
      EXPECT_FALSE(slices) << event;
      continue;
    }
    slices = true;
    EXPECT_GE(event["ts"].get<double>(), before) << event;
    before = event["ts"];
  }
}

// Slices of one track must nest: ours follow one another. Their times have three digits.
TEST_P(TraceFormatTest, SlicesOfOneTrackFollowOneAnother) {
  std::map<std::pair<int, int64_t>, double> free;
  for (const json& event : events()) {
    if (event["ph"] != "X") continue;
    double& end = free[{event["pid"], event["tid"]}];
    EXPECT_GE(event["ts"].get<double>(), end - 0.0025) << event;
    end = event["ts"].get<double>() + event["dur"].get<double>();
  }
}

INSTANTIATE_TEST_SUITE_P(Algorithms, TraceFormatTest,
                         ::testing::Values("direct", "two_phase", "ring", "halving_doubling",
                                           "star"),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace edgetp
