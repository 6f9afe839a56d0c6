#include "common/config/device_mix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgetp {
namespace {

using ::testing::HasSubstr;

TEST(DeviceMixTest, OneNameIsForAllRanks) {
  const auto parts = ParseDeviceMix("raspberry-pi-5");
  ASSERT_TRUE(parts.ok());
  ASSERT_EQ(parts->size(), 1u);
  EXPECT_EQ(parts->front().name, "raspberry-pi-5");
  EXPECT_FALSE(parts->front().count.has_value());
}

TEST(DeviceMixTest, PartsOfAMixtureAreOneRankUnlessTheySayMore) {
  const auto parts = ParseDeviceMix("fast*2+./my/slow.textproto");
  ASSERT_TRUE(parts.ok());
  ASSERT_EQ(parts->size(), 2u);
  EXPECT_EQ((*parts)[0].count, 2);
  EXPECT_EQ((*parts)[1].name, "./my/slow.textproto");
  EXPECT_EQ((*parts)[1].count, 1);
}

TEST(DeviceMixTest, WhatIsNoMixtureIsRefused) {
  for (const char* text : {"", "a+", "+a", "a*0", "a*-1", "a*x", "a*", "*2"}) {
    EXPECT_EQ(ParseDeviceMix(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
  EXPECT_THAT(std::string(ParseDeviceMix("a*x").status().message()),
              HasSubstr("\"a*x\": after '*' must stand how many ranks"));
}

}  // namespace
}  // namespace edgetp
