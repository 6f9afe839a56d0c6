// How the ranks of a mesh are counted.
#include "common/plan/mesh.h"

#include <gtest/gtest.h>

namespace edgetp {
namespace {

constexpr MeshAxis kReplica = MeshAxis::kReplica, kStage = MeshAxis::kStage,
                   kShard = MeshAxis::kShard;

TEST(MeshTest, TheLastAxisCountsFastest) {
  const Mesh mesh({{kReplica, 2}, {kShard, 3}});
  EXPECT_EQ(mesh.ranks(), 6);
  EXPECT_EQ(mesh.size(kStage), 1);
  EXPECT_EQ(mesh.Along(4, {kShard}), (std::vector<int>{3, 4, 5}));
  EXPECT_EQ(mesh.Along(4, {kReplica}), (std::vector<int>{1, 4}));
  EXPECT_EQ(mesh.Along(4, {kStage}), (std::vector<int>{4}));
  const Mesh other({{kShard, 3}, {kReplica, 2}});
  EXPECT_EQ(other.Along(4, {kShard}), (std::vector<int>{0, 2, 4}));
}

TEST(MeshTest, PositionsAndRanksAreTheSame) {
  const Mesh mesh({{kStage, 2}, {kReplica, 3}, {kShard, 4}});
  for (int rank = 0; rank < mesh.ranks(); ++rank) {
    EXPECT_EQ(mesh.RankAt(mesh.PositionOf(rank)), rank);
    for (const MeshAxis axis : {kReplica, kStage, kShard})
      EXPECT_EQ(mesh.Moved(rank, axis, mesh.Coordinate(rank, axis)), rank);
  }
  EXPECT_EQ(mesh.Moved(5, kStage, 1), 5 + 12);
}

TEST(MeshTest, AGroupOfAllRanksHasNoNames) {
  const Mesh mesh({{kStage, 2}, {kShard, 2}});
  EXPECT_TRUE(mesh.GroupAlong(1, {kStage, kShard}).empty());
  EXPECT_EQ(mesh.GroupAlong(3, {kStage}), (std::vector<int>{1, 3}));
}

}  // namespace
}  // namespace edgetp
