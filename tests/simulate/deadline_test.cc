#include "common/simulate/deadline.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "common/config/defaults.h"
#include "common/config/load.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

// MiniGPT between two workers: 384 KiB per sync point.
v1::RunConfig RunOver(const std::string& network) {
  const ConfigLibrary library({EDGETP_SOURCE_DIR "/configs"});
  v1::RunConfig config;
  *config.mutable_model() = library.Model("minigpt").value();
  config.mutable_model()->set_vocabulary(kAssumedVocabulary);
  *config.mutable_network() = library.Network(network).value();
  FillDefaults(&config);
  return config;
}

double DefaultOf(v1::RunConfig config) {
  EXPECT_FALSE(config.collective().has_deadline_seconds());
  EXPECT_TRUE(ResolveDeadline(NeedsOfStep(config).value(), &config).ok());
  return config.collective().deadline_seconds();
}

TEST(DeadlineTest, IsThirtySecondsWhereTheNetworkNeedsLess) {
  for (const char* network : {"none", "ethernet-1g", "lte", "wifi-5", "commute"})
    EXPECT_EQ(DefaultOf(RunOver(network)), 30) << network;
}

TEST(DeadlineTest, ASlowNetworkGetsTheTimeThatItNeeds) {
  const v1::RunConfig lora = RunOver("lora-sf7");
  const CollectiveNeeds needs = NeedsOfStep(lora).value();
  // One medium carries 384 KiB in both directions.
  EXPECT_NEAR(absl::ToDoubleSeconds(needs.slowest), 2 * 8 * 393216 / 5470.0, 1);
  EXPECT_GE(DefaultOf(lora), 3 * absl::ToDoubleSeconds(needs.slowest));
  EXPECT_GE(needs.network_step, 16 * needs.slowest);
}

TEST(DeadlineTest, ADeadlineThatCannotBeMetIsRefusedWithBothNumbers) {
  v1::RunConfig config = RunOver("lora-sf7");
  config.mutable_collective()->set_deadline_seconds(30);
  const absl::Status status = ResolveDeadline(NeedsOfStep(config).value(), &config);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("deadline: 30 s cannot be met: an all-reduce of 384 KiB between 2 workers "
                        "over lora-sf7 takes 19m10s; without --deadline it is 57m"));
  // Nobody waits under this clock.
  config.set_clock(v1::CLOCK_SIMULATED);
  EXPECT_TRUE(ResolveDeadline(NeedsOfStep(config).value(), &config).ok());
}

TEST(DeadlineTest, ADeadlineThatCanBeMetStays) {
  v1::RunConfig config = RunOver("ethernet-1g");
  config.mutable_collective()->set_deadline_seconds(2);
  EXPECT_TRUE(ResolveDeadline(NeedsOfStep(config).value(), &config).ok());
  EXPECT_EQ(config.collective().deadline_seconds(), 2);
}

TEST(DeadlineTest, TheTailOfJitterCounts) {
  v1::RunConfig config = RunOver("ethernet-1g");
  v1::LinkConfig* link = config.mutable_network()->mutable_link();
  link->set_distribution(v1::LinkConfig::DISTRIBUTION_QUANTILES);
  for (const double row : {0.0, 0.99}) link->add_quantiles()->set_probability(row);
  link->add_quantiles()->set_probability(1);
  link->mutable_quantiles(2)->set_jitter_us(60e6);
  EXPECT_LT(NeedsOfStep(config)->slowest, absl::Seconds(2));
  EXPECT_GT(DefaultOf(config), 100);
}

TEST(DeadlineTest, TheTimelineIsKnownInAdvance) {
  v1::RunConfig config = RunOver("ethernet-1g");
  const auto add = [&config](const std::string& event) {
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        event, config.mutable_network()->add_events()));
  };
  add("at_seconds: 10 partition { groups { ranks: 0 } }");
  add("at_seconds: 60 restore {}");
  // 50 s without a way, and then the all-reduce itself.
  EXPECT_EQ(DefaultOf(config), 60);
  add("at_seconds: 70 network { name: 'slow' link { rate_bits_per_second: 80000 } }");
  EXPECT_GE(DefaultOf(config), 50 + 3 * 8 * 393216 / 80000.0);
  // It does not make a deadline impossible: the run may be over by then.
  config.mutable_collective()->set_deadline_seconds(5);
  EXPECT_TRUE(ResolveDeadline(NeedsOfStep(config).value(), &config).ok());
}

TEST(DeadlineTest, UnequalDevicesWaitForOneAnother) {
  v1::RunConfig config = RunOver("ethernet-1g");
  for (const double flops : {1e9, 1e6}) {
    v1::DeviceProfile* device = config.add_devices();
    device->set_name("board");
    device->set_flops_per_second(flops);
  }
  EXPECT_GT(DefaultOf(config), 100);
}

TEST(DeadlineTest, WhatNobodyHasChosenIsForgotten) {
  v1::RunConfig config = RunOver("lora-sf7");
  ASSERT_TRUE(ResolveDeadline(NeedsOfStep(config).value(), &config).ok());
  v1::RunConfig chosen = config;
  ForgetDefaultDeadline(&config);
  EXPECT_FALSE(config.collective().has_deadline_seconds());
  chosen.mutable_collective()->set_deadline_seconds(5000);
  ForgetDefaultDeadline(&chosen);
  EXPECT_EQ(chosen.collective().deadline_seconds(), 5000);
}

TEST(DeadlineTest, ABenchmarkNeedsWhatItsSizesNeed) {
  const v1::RunConfig config = RunOver("lora-sf7");
  const auto small = NeedsOfAllReduces(config, {400}, {"direct"});
  const auto large = NeedsOfAllReduces(config, {400, 40000}, {"direct", "ring"});
  EXPECT_EQ(small->deadline, absl::Seconds(30));
  EXPECT_GT(large->deadline, absl::Seconds(300));
}

// Whatever somebody asks for, the answer takes a moment.
TEST(DeadlineTest, ThousandsOfWorkersAndHugeModelsArePriced) {
  v1::RunConfig config = RunOver("wifi-5");
  config.set_workers(4096);
  config.mutable_model()->set_heads(4096);
  config.mutable_model()->set_channels(1 << 16);
  config.mutable_train()->set_batch(1 << 16);
  const auto needs = NeedsOfStep(config);
  ASSERT_TRUE(needs.ok()) << needs.status();
  EXPECT_GT(needs->deadline, absl::Hours(1));
}

}  // namespace
}  // namespace edgetp
