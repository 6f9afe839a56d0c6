// What lies in configs/ keeps the rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/config/defaults.h"
#include "common/config/load.h"
#include "common/config/validate.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

// Every file under configs/.
class ShippedConfigTest : public ::testing::Test {
 protected:
  const ConfigLibrary library_{std::vector<std::string>{EDGETP_SOURCE_DIR "/configs"}};
};

TEST_F(ShippedConfigTest, ModelsLoadAndKeepTheRules) {
  for (const std::string& name : library_.Names(ConfigKind::kModel)) {
    auto model = library_.Model(name);
    ASSERT_TRUE(model.ok()) << model.status();
    EXPECT_EQ(model->name(), name);
    EXPECT_FALSE(model->source().empty()) << name;
    EXPECT_EQ(ValidateModel(*model, name), absl::OkStatus());
  }
}

TEST_F(ShippedConfigTest, NetworksLoadKeepTheRulesAndSayTheirSource) {
  const auto names = library_.Names(ConfigKind::kNetwork);
  EXPECT_GE(names.size(), 15u);
  for (const std::string& name : names) {
    auto network = library_.Network(name);
    ASSERT_TRUE(network.ok()) << network.status();
    EXPECT_EQ(network->name(), name);
    EXPECT_EQ(ValidateNetwork(*network, std::nullopt, name), absl::OkStatus());
    EXPECT_EQ(ValidateShipped(*network, name), absl::OkStatus());
  }
}

TEST_F(ShippedConfigTest, DevicesLoadKeepTheRulesAndSayTheirSource) {
  const auto names = library_.Names(ConfigKind::kDevice);
  EXPECT_GE(names.size(), 11u);
  for (const std::string& name : names) {
    auto device = library_.Device(name);
    ASSERT_TRUE(device.ok()) << device.status();
    EXPECT_EQ(device->name(), name);
    EXPECT_EQ(ValidateDevice(*device, name), absl::OkStatus());
    EXPECT_EQ(ValidateShipped(*device, name), absl::OkStatus());
  }
}

TEST_F(ShippedConfigTest, RunsLoadAndKeepTheRules) {
  const auto names = library_.Names(ConfigKind::kRun);
  EXPECT_GE(names.size(), 2u);
  for (const std::string& name : names) {
    auto run = library_.Run(name);
    ASSERT_TRUE(run.ok()) << run.status();
    if (!run->model().has_vocabulary()) run->mutable_model()->set_vocabulary(kAssumedVocabulary);
    FillDefaults(&*run);
    EXPECT_EQ(ValidateRun(*run, name), absl::OkStatus());
  }
}

TEST_F(ShippedConfigTest, ANetworkThatDoesNotSayWhatItsFiguresDescribeIsRefused) {
  v1::NetworkProfile network = *library_.Network("lte");
  network.clear_hop();
  EXPECT_THAT(std::string(ValidateShipped(network, "new").message()),
              HasSubstr("new: hop: a shipped profile must say"));
  network = *library_.Network("commute");
  network.mutable_events(1)->mutable_network()->clear_hop();
  EXPECT_THAT(std::string(ValidateShipped(network, "new").message()),
              HasSubstr("new: events[1].network.hop: a shipped profile must say"));
}

// By what their sources measured (docs/simulation.md).
TEST_F(ShippedConfigTest, NetworksAreClassifiedByTheirSources) {
  for (const char* access : {"lte", "lte-fading", "5g-nsa", "mobile-median", "starlink",
                             "broadband", "wifi-5", "wifi-5-ordinary", "commute"}) {
    EXPECT_EQ(library_.Network(access)->hop(), v1::HOP_ACCESS) << access;
  }
  for (const char* direct :
       {"ethernet-1g", "ethernet-100m", "flaky-link", "wan", "ble-5", "lora-sf7", "none"}) {
    EXPECT_EQ(library_.Network(direct)->hop(), v1::HOP_DIRECT) << direct;
  }
}

TEST_F(ShippedConfigTest, AProfileWithoutASourceIsRefused) {
  EXPECT_THAT(std::string(ValidateShipped(v1::NetworkProfile(), "new").message()),
              HasSubstr("new: kind: a shipped profile must say"));
}

}  // namespace
}  // namespace edgetp
