#include "common/simulate/trace.h"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tests/simulate/step_list.h"
#include "tests/simulate/uniform.h"

namespace edgetp {
namespace {

using nlohmann::json;
using testing::kDelay;
using testing::kElements;
using testing::OnWire;
using testing::UniformOptions;

StepPlan SmallPlan() {
  StepPlan plan;
  plan.world_size = 2;
  const CollectiveTag tag{TrafficClass::kActivationForward, Phase::kForward, 1};
  plan.steps.assign(
      2, {ComputeStep{Phase::kForward, 0, 1e9, 0}, ComputeStep{Phase::kForward, 1, 1e9, 0},
          CollectiveStep{tag, kElements, 4 * kElements}, ComputeStep{Phase::kBackward, 1, 3e9, 0}});
  return plan;
}

json Traced() {
  const StepPlan plan = SmallPlan();
  TraceRecorder recorder(plan, {"pi \"5\"", "pi4"});
  DeviceOptions device;
  device.flops_per_second = 1e9;
  TimelineOptions options = UniformOptions(2, "direct");
  options.devices = {device};
  auto simulator = TimelineSimulator::Create(options).value();
  EXPECT_TRUE(simulator.RunStep(plan, BuildComputeTable(plan, {device}), &recorder).ok());
  return json::parse(recorder.Json());
}

std::vector<json> Slices(const json& trace, int process, int track) {
  std::vector<json> slices;
  for (const json& event : trace["traceEvents"]) {
    if (event["ph"] == "X" && event["pid"] == process && event["tid"] == track)
      slices.push_back(event);
  }
  return slices;
}

TEST(TraceTest, ARankHasTracksForComputeCollectivesAndWaiting) {
  const json trace = Traced();
  const auto compute = Slices(trace, 1, 1);
  ASSERT_EQ(compute.size(), 2u);
  EXPECT_EQ(compute[0]["name"], "forward 0 to 1");
  EXPECT_EQ(compute[0]["ts"], 0);
  EXPECT_EQ(compute[0]["dur"], 2e6);
  EXPECT_EQ(compute[1]["name"], "backward 1");
  const auto collective = Slices(trace, 1, 2);
  ASSERT_EQ(collective.size(), 1u);
  EXPECT_EQ(collective[0]["name"], "activation_fwd 1");
  EXPECT_EQ(collective[0]["args"]["bytes"], 4 * kElements);
  const auto waits = Slices(trace, 2, 3);
  ASSERT_EQ(waits.size(), 2u);
  EXPECT_EQ(waits[0]["name"], "propagation");
  EXPECT_NEAR(waits[0]["dur"].get<double>(), absl::ToDoubleMicroseconds(kDelay), 0.01);
  EXPECT_EQ(waits[1]["name"], "serialization");
}

TEST(TraceTest, ALinkHasATrackWithItsMessages) {
  const json trace = Traced();
  const auto messages = Slices(trace, 3, 0 * 2 + 1 + 1);
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0]["args"]["bytes"], 4 * kElements);
  EXPECT_NEAR(messages[0]["dur"].get<double>(), absl::ToDoubleMicroseconds(OnWire(kElements)),
              0.01);
  std::map<std::string, int> names;
  for (const json& event : trace["traceEvents"]) {
    if (event["ph"] == "M") ++names[event["args"]["name"]];
  }
  EXPECT_EQ(names["0 -> 1"], 1);
  EXPECT_EQ(names["1 -> 0"], 1);
  EXPECT_EQ(names["links"], 1);
  EXPECT_EQ(names["rank 0 (pi \"5\")"], 1);
}

TEST(TraceTest, ExchangesUnderComputeHaveATrackOfTheirOwn) {
  const testing::StepList list =
      testing::StepList().Start(kElements).Compute(absl::Seconds(1)).Wait(0).AllReduce(kElements);
  const StepPlan plan = list.Plan(2);
  TraceRecorder recorder(plan, {"a", "b"});
  auto simulator = TimelineSimulator::Create(UniformOptions(2, "direct")).value();
  ASSERT_TRUE(simulator.RunStep(plan, list.Durations(2), &recorder).ok());
  const json trace = json::parse(recorder.Json());
  const auto hidden = Slices(trace, 1, 4);
  ASSERT_EQ(hidden.size(), 1u);
  EXPECT_NEAR(hidden[0]["dur"].get<double>(),
              absl::ToDoubleMicroseconds(kDelay + OnWire(kElements)), 0.01);
  EXPECT_EQ(Slices(trace, 1, 2).size(), 1u) << "the blocking one";
  EXPECT_EQ(std::count_if(trace["traceEvents"].begin(), trace["traceEvents"].end(),
                          [](const json& event) {
                            return event["args"].value("name", "") == "exchange under compute";
                          }),
            2)
      << "one for each rank";
}

// What overlaps on one track is drawn wrongly by viewers.
TEST(TraceTest, SlicesOfOneTrackDoNotOverlap) {
  const StepPlan plan = testing::AllReducePlan(4, {kElements, 1000, kElements});
  TraceRecorder recorder(plan, {"a", "a", "a", "a"});
  TimelineOptions options = testing::RoughOptions(4, "two_phase", 2);
  auto simulator = TimelineSimulator::Create(options).value();
  ASSERT_TRUE(simulator.RunStep(plan, testing::UnevenCompute(plan), &recorder).ok());
  std::map<std::pair<int, int>, std::map<double, double>> tracks;
  const json trace = json::parse(recorder.Json());
  for (const json& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    const double begin = event["ts"];
    EXPECT_GE(begin, 0);
    tracks[{event["pid"], event["tid"]}][begin] = begin + event["dur"].get<double>();
  }
  for (const auto& [track, slices] : tracks) {
    double free = 0;
    for (const auto& [begin, end] : slices) {
      EXPECT_GE(begin, free - 0.01) << track.first << " " << track.second;
      free = end;
    }
  }
}

}  // namespace
}  // namespace edgetp
