#include "common/simulate/astra_sim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "common/collective/registry.h"
#include "common/config/load.h"
#include "common/network/network_profile.h"

namespace edgetp {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

AstraSimCase Uniform() {
  AstraSimCase run;
  run.world_size = 4;
  run.network.link.delay = absl::Microseconds(150);
  run.network.link.rate_bits_per_second = 8.0 * (1 << 30);
  DeviceOptions device;
  device.flops_per_second = 2e12;
  device.memory_bytes_per_second = 17e9;
  device.message_overhead = absl::Microseconds(40);
  run.devices = {device};
  return run;
}

std::string TextOf(const AstraSimCase& run, const std::string& name) {
  for (const AstraSimFile& file : AstraSimFiles(run, "step")) {
    if (file.name == name) return file.text;
  }
  return "";
}

AstraSimCase Over(const std::string& network) {
  AstraSimCase run = Uniform();
  const ConfigLibrary library({std::string(EDGETP_SOURCE_DIR) + "/configs"});
  run.network = ResolveNetwork(library.Network(network).value(), run.world_size).value();
  return run;
}

TEST(AstraSimTest, AGigabyteOfTheNetworkHasTwoToTheThirtiethBytes) {
  EXPECT_EQ(TextOf(Uniform(), "network.yml"),
            "topology: [ FullyConnected ]\n"
            "npus_count: [ 4 ]\n"
            "bandwidth: [ 1 ]  # GB/s; 1 GB is 2^30 bytes\n"
            "latency: [ 150000 ]  # ns\n");
}

TEST(AstraSimTest, AccessLinksAreASwitchWithHalfOfTheDelayForEachHop) {
  AstraSimCase run = Uniform();
  run.network.link.second_hop = std::make_shared<HopOptions>();
  run.network.uplinks.assign(4, {4.0 * (1 << 30), nullptr});
  run.network.downlinks.assign(4, {0, nullptr});
  EXPECT_THAT(TextOf(run, "network.yml"), HasSubstr("topology: [ Switch ]\n"));
  EXPECT_THAT(TextOf(run, "network.yml"), HasSubstr("bandwidth: [ 0.5 ]"));
  EXPECT_THAT(TextOf(run, "network.yml"), HasSubstr("latency: [ 75000 ]"));
}

TEST(AstraSimTest, TheRateIsThatOfPayload) {
  AstraSimCase run = Uniform();
  run.network.link.header_share = 1.25;
  EXPECT_THAT(TextOf(run, "network.yml"), HasSubstr("bandwidth: [ 0.8 ]"));
  run.network.link.window_bytes = 0.25 * (1 << 30) * 2 * 150e-6;  // a quarter per second
  EXPECT_THAT(TextOf(run, "network.yml"), HasSubstr("bandwidth: [ 0.25 ]"));
}

TEST(AstraSimTest, TheSlowestPathStandsForAllAndTheReadmeSaysSo) {
  AstraSimCase run = Uniform();
  EXPECT_THAT(TextOf(run, "README.txt"), Not(HasSubstr("links that differ")));
  run.network.overrides[{1, 2}] = run.network.link;
  run.network.overrides[{1, 2}].rate_bits_per_second /= 4;
  EXPECT_THAT(TextOf(run, "network.yml"), HasSubstr("bandwidth: [ 0.25 ]"));
  EXPECT_THAT(TextOf(run, "README.txt"), HasSubstr("- links that differ"));
}

TEST(AstraSimTest, WithoutALimitTheNetworkStillHasABandwidth) {
  EXPECT_THAT(TextOf(Over("none"), "network.yml"), HasSubstr("bandwidth: [ 1000000 ]"));
  EXPECT_THAT(TextOf(Over("none"), "network.yml"), HasSubstr("latency: [ 0 ]"));
}

TEST(AstraSimTest, WhatANetworkHasBeyondRateAndDelayIsSaidToBeLeftOut) {
  EXPECT_THAT(TextOf(Over("wifi-5"), "README.txt"), HasSubstr("- a shared medium"));
  EXPECT_THAT(TextOf(Over("starlink"), "README.txt"), HasSubstr("- jitter and loss"));
  EXPECT_THAT(TextOf(Over("lte-fading"), "README.txt"), HasSubstr("- a rate that changes"));
  EXPECT_THAT(TextOf(Uniform(), "README.txt"), Not(HasSubstr("- jitter and loss")));
}

TEST(AstraSimTest, TheSystemHasTheDeviceAndTheAllReduce) {
  const json system = json::parse(TextOf(Uniform(), "system.json"));
  EXPECT_EQ(system["all-reduce-implementation"], json({"ring"}));
  EXPECT_EQ(system["endpoint-delay"], 80000);  // ns: both ends of a message
  EXPECT_EQ(system["local-mem-bw"], 17);
  EXPECT_EQ(system["peak-perf"], 2);
  EXPECT_EQ(system["roofline-enabled"], 0);
  EXPECT_EQ(json::parse(TextOf(Uniform(), "memory.json"))["memory-type"], "NO_MEMORY_EXPANSION");
}

TEST(AstraSimTest, EveryAllReduceHasACounterpart) {
  for (const Algorithm& algorithm : Algorithms()) {
    AstraSimCase run = Uniform();
    run.algorithm = algorithm.name;
    EXPECT_THAT(TextOf(run, "README.txt"), Not(HasSubstr("no counterpart"))) << algorithm.name;
  }
  AstraSimCase run = Uniform();
  run.algorithm = "two_phase";
  EXPECT_EQ(json::parse(TextOf(run, "system.json"))["all-reduce-implementation"], json({"direct"}));
  EXPECT_THAT(TextOf(run, "README.txt"), Not(HasSubstr("all-reduce direct")));
  run.algorithm = "direct";
  EXPECT_THAT(TextOf(run, "README.txt"), HasSubstr("all-reduce direct"));
}

TEST(AstraSimTest, GroupsHaveAFileWhereThereAreAny) {
  AstraSimCase run = Uniform();
  EXPECT_EQ(TextOf(run, "comm_groups.json"), "");
  EXPECT_THAT(TextOf(run, "README.txt"), HasSubstr("--comm-group-configuration=empty"));
  run.groups = {{{0, 1}, 2}, {{2, 3}, 1}};
  const json groups = json::parse(TextOf(run, "comm_groups.json"));
  EXPECT_EQ(groups, (json{{"1", {2, 3}}, {"2", {0, 1}}}));
  EXPECT_THAT(TextOf(run, "README.txt"), HasSubstr("--comm-group-configuration=comm_groups.json"));
}

TEST(AstraSimTest, TheReadmeNamesEveryFileWithItsFlag) {
  const std::string readme = TextOf(Uniform(), "README.txt");
  EXPECT_THAT(readme, HasSubstr("--workload-configuration=step"));
  for (const AstraSimFile& file : AstraSimFiles(Uniform(), "step")) {
    if (file.flag.empty()) continue;
    EXPECT_THAT(readme, HasSubstr("--" + file.flag + "=" + file.name));
  }
}

}  // namespace
}  // namespace edgetp
