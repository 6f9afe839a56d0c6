#include "common/simulate/simulated_run.h"

#include <gtest/gtest.h>

namespace edgetp {
namespace {

v1::RunConfig TwoWorkers() {
  v1::RunConfig config;
  config.set_workers(2);
  config.mutable_collective()->set_algorithm("auto");
  config.mutable_collective()->set_segment_bytes(1 << 16);
  return config;
}

TEST(SimulatedRunTest, ARunWithoutADeviceHasTheHostsMessages) {
  const TimelineOptions options = ToTimelineOptions(TwoWorkers(), NetworkOptions());
  EXPECT_EQ(options.segment_bytes, 1 << 16);
  ASSERT_EQ(options.devices.size(), 1u);
  EXPECT_EQ(options.devices[0].message_overhead, kHostMessageOverhead);
}

// A calibrated host's messages cost their bytes, too: `auto` must know.
TEST(SimulatedRunTest, AutoPricesAllThatMessagesCostOnTheDevice) {
  v1::RunConfig config = TwoWorkers();
  config.mutable_device()->set_message_overhead_us(10);
  config.mutable_device()->set_message_bytes_per_second(2e9);
  config.mutable_device()->set_codec_bytes_per_second(3e9);
  const AllReduceProblem problem = ProblemOf(ToTimelineOptions(config, NetworkOptions()));
  EXPECT_EQ(problem.world_size, 2);
  EXPECT_EQ(problem.segment_bytes, 1 << 16);
  EXPECT_EQ(problem.device.message_overhead, absl::Microseconds(10));
  EXPECT_EQ(problem.device.message_bytes_per_second, 2e9);
  EXPECT_EQ(problem.device.codec_bytes_per_second, 3e9);
}

TEST(SimulatedRunTest, AListByRankOrOneForAll) {
  EXPECT_EQ(OfRank(std::vector<int>{7}, 3), 7);
  EXPECT_EQ(OfRank(std::vector<int>{7, 8}, 1), 8);
}

}  // namespace
}  // namespace edgetp
