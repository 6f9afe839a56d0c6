#include "server/page/cluster_picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/config/load.h"

namespace edgetp {
namespace {

using nlohmann::json;

ClusterPicture Running(const std::string& network, int workers) {
  ClusterPicture picture;
  const std::string configs = absl::StrCat(EDGETP_SOURCE_DIR, "/configs");
  const ConfigLibrary library({configs});
  picture.network = *library.Network(network);
  auto* const run = picture.status.add_runs();
  run->set_run("a");
  run->set_state("running");
  run->set_workers(workers);
  return picture;
}

TEST(ClusterPictureTest, LinksThatAreAlikeAreOneRow) {
  const json picture = PictureJson(Running("wifi-5", 4));
  ASSERT_EQ(picture["links"].size(), 1u);
  EXPECT_FALSE(picture["links"][0].contains("source"));
  EXPECT_GT(picture["links"][0]["delay_seconds"], 0);
  EXPECT_GT(picture["links"][0]["rate_bits_per_second"], 0);
}

TEST(ClusterPictureTest, ALinkOfItsOwnAndAPartitionMakeARowForEachPair) {
  ClusterPicture slow = Running("none", 2);
  auto* const change = slow.network.add_overrides();
  change->set_source(0);
  change->set_destination(1);
  change->mutable_link()->set_delay_us(50'000);
  const json links = PictureJson(slow)["links"];
  ASSERT_EQ(links.size(), 2u);
  EXPECT_EQ(links[0]["source"], 0);
  EXPECT_EQ(links[0]["delay_seconds"], 0.05);
  EXPECT_EQ(links[1]["delay_seconds"], 0);
  EXPECT_EQ(links[0]["rate_bits_per_second"], nullptr);
  ClusterPicture cut = Running("none", 2);
  cut.network.add_partition()->add_ranks(0);
  EXPECT_EQ(PictureJson(cut)["links"][0]["connected"], false);
}

TEST(ClusterPictureTest, WhatComesNextIsNamed) {
  const json next = PictureJson(Running("commute", 2))["network"]["next"];
  ASSERT_GT(next.size(), 0u);
  EXPECT_GT(next[0]["in_seconds"], 0);
  EXPECT_TRUE(next[0]["what"].is_string());
}

TEST(ClusterPictureTest, ManyLinksAreCutShort) {
  ClusterPicture picture = Running("none", 64);
  picture.network.add_partition()->add_ranks(0);
  EXPECT_EQ(PictureJson(picture)["links"].size(), 56u);
}

}  // namespace
}  // namespace edgetp
