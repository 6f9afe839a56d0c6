// A mesh of ranks: replicas of a model, its stages, and the shards of each stage. How its ranks are
// counted is a matter of how it is written (strategy.h). Pure.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace edgetp {

enum class MeshAxis { kReplica, kStage, kShard };
inline constexpr size_t kMeshAxes = 3;

class Mesh {
 public:
  using Position = std::array<int, kMeshAxes>;  // by axis

  struct Size {
    MeshAxis axis;
    int size = 1;
  };

  // The last axis counts fastest. Axes that are not given have one place.
  explicit Mesh(const std::vector<Size>& sizes);

  int size(MeshAxis axis) const { return sizes_[static_cast<size_t>(axis)]; }
  int ranks() const { return sizes_[0] * sizes_[1] * sizes_[2]; }

  Position PositionOf(int rank) const;
  int RankAt(const Position& position) const;
  int Coordinate(int rank, MeshAxis axis) const {
    return PositionOf(rank)[static_cast<size_t>(axis)];
  }
  // The rank that differs in one coordinate alone.
  int Moved(int rank, MeshAxis axis, int coordinate) const;

  // The ranks that differ from `rank` along these axes alone, itself included, rising.
  std::vector<int> Along(int rank, const std::vector<MeshAxis>& axes) const;
  // The same as a collective's group: empty if it has all ranks.
  std::vector<int> GroupAlong(int rank, const std::vector<MeshAxis>& axes) const;

 private:
  Position sizes_;
  Position strides_;
};

}  // namespace edgetp
