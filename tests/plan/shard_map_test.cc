#include "common/plan/shard_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgetp {
namespace {

using ::testing::HasSubstr;

ModelShape Shape(int heads, int channels) { return {1, heads, channels, 64, 65, true}; }

void ExpectCoversExactlyOnce(const std::vector<Shard>& shards, const ModelShape& shape) {
  int head = 0;
  int column = 0;
  for (const Shard& shard : shards) {
    EXPECT_EQ(shard.heads.begin, head);
    EXPECT_EQ(shard.columns.begin, column);
    EXPECT_GE(shard.heads.size(), 1);
    EXPECT_GE(shard.columns.size(), 1);
    head = shard.heads.end;
    column = shard.columns.end;
  }
  EXPECT_EQ(head, shape.heads);
  EXPECT_EQ(column, 4 * shape.channels);
}

std::string ErrorOf(const ModelShape& shape, int workers, const std::vector<int>& split) {
  auto shards = BuildShardMap(shape, workers, split);
  EXPECT_EQ(shards.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(shards.status().message());
}

TEST(ShardMapTest, AnEvenSplitGivesEveryRankTheSame) {
  for (int workers : {1, 2, 3, 4, 6, 12}) {
    auto shards = BuildShardMap(Shape(12, 768), workers, {});
    ASSERT_TRUE(shards.ok()) << shards.status();
    ExpectCoversExactlyOnce(*shards, Shape(12, 768));
    for (const Shard& shard : *shards) {
      EXPECT_EQ(shard.heads.size(), 12 / workers);
      EXPECT_EQ(shard.columns.size(), 3072 / workers);
    }
  }
}

TEST(ShardMapTest, AnUnevenSplitCoversEverythingExactlyOnce) {
  const std::vector<std::vector<int>> splits = {
      {2, 1, 1}, {1, 1, 1}, {100, 1, 1}, {3, 2, 5}, {1, 1000000, 1}};
  for (const auto& split : splits) {
    for (int heads : {3, 4, 7, 12, 25}) {
      const ModelShape shape = Shape(heads, heads * 16);
      auto shards = BuildShardMap(shape, 3, split);
      ASSERT_TRUE(shards.ok()) << shards.status();
      ExpectCoversExactlyOnce(*shards, shape);
    }
  }
}

TEST(ShardMapTest, RowsOfASharedVocabularyAreCoveredExactlyOnceAndFollowTheHeads) {
  for (const int vocabulary : {4, 65, 50257}) {
    ModelShape shape = Shape(4, 128);
    shape.vocabulary = vocabulary;
    for (const auto& split : {std::vector<int>{}, {2, 1, 1}, {1, 3}, {1, 1, 1, 1}}) {
      const int workers = split.empty() ? 2 : static_cast<int>(split.size());
      const auto shards = *BuildShardMap(shape, workers, split, /*vocabulary_parallel=*/true);
      int row = 0;
      for (const Shard& shard : shards) {
        EXPECT_EQ(shard.vocabulary.begin, row);
        EXPECT_GE(shard.vocabulary.size(), 1);
        EXPECT_NEAR(shard.vocabulary.size(), vocabulary * shard.heads.size() / 4.0, 1);
        row = shard.vocabulary.end;
      }
      EXPECT_EQ(row, vocabulary);
      const auto whole = *BuildShardMap(shape, workers, split);
      for (const Shard& shard : whole) EXPECT_EQ(shard.vocabulary.size(), vocabulary);
    }
  }
}

TEST(ShardMapTest, FewerRowsOfASharedVocabularyThanWorkersAreRefused) {
  ModelShape shape = Shape(4, 128);
  shape.vocabulary = 3;
  EXPECT_TRUE(BuildShardMap(shape, 4, {}).ok());
  EXPECT_THAT(std::string(BuildShardMap(shape, 4, {}, true).status().message()),
              HasSubstr("vocabulary=3 cannot be split over workers=4: every worker needs"));
}

TEST(ShardMapTest, ASplitGivesTheFastDeviceMore) {
  auto shards = BuildShardMap(Shape(4, 128), 3, {2, 1, 1});
  ASSERT_TRUE(shards.ok());
  EXPECT_EQ((*shards)[0].heads.size(), 2);
  EXPECT_EQ((*shards)[0].columns.size(), 256);
  EXPECT_EQ((*shards)[1].heads.size(), 1);
}

TEST(ShardMapTest, ErrorsNameTheRule) {
  EXPECT_THAT(ErrorOf(Shape(4, 128), 0, {}), HasSubstr("workers=0: must be at least 1"));
  EXPECT_THAT(ErrorOf(Shape(4, 128), 5, {}), HasSubstr("every worker needs at least one head"));
  EXPECT_THAT(ErrorOf(Shape(4, 128), 3, {}), HasSubstr("cannot be split evenly"));
  EXPECT_THAT(ErrorOf(Shape(4, 128), 3, {1, 1}), HasSubstr("split has 2 parts, but workers=3"));
  EXPECT_THAT(ErrorOf(Shape(4, 128), 2, {1, 0}), HasSubstr("split has a part of 0"));
}

TEST(ShardMapTest, TheSplitThatAnErrorProposesCanBeGiven) {
  EXPECT_THAT(ErrorOf(Shape(25, 25 * 64), 2, {}), HasSubstr("or --set split=13,12"));
  EXPECT_TRUE(BuildShardMap(Shape(25, 25 * 64), 2, {13, 12}).ok());
  EXPECT_THAT(ErrorOf(Shape(10, 640), 4, {}), HasSubstr("--set split=3,3,2,2"));
  EXPECT_TRUE(BuildShardMap(Shape(10, 640), 4, {3, 3, 2, 2}).ok());
}

TEST(ShardMapTest, FewerHiddenUnitsThanWorkersAreRefused) {
  EXPECT_FALSE(BuildShardMap(ModelShape{.heads = 8, .channels = 1}, 8, {}).ok());
}

}  // namespace
}  // namespace edgetp
