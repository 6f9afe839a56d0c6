#include "common/plan/mesh.h"

#include <algorithm>
#include <utility>

namespace edgetp {

Mesh::Mesh(const std::vector<Size>& sizes) {
  sizes_.fill(1);
  strides_.fill(0);
  int stride = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    const auto axis = static_cast<size_t>(sizes[i].axis);
    sizes_[axis] = sizes[i].size;
    strides_[axis] = stride;
    stride *= sizes[i].size;
  }
}

Mesh::Position Mesh::PositionOf(int rank) const {
  Position position{};
  for (size_t axis = 0; axis < kMeshAxes; ++axis) {
    if (strides_[axis] > 0) position[axis] = rank / strides_[axis] % sizes_[axis];
  }
  return position;
}

int Mesh::RankAt(const Position& position) const {
  int rank = 0;
  for (size_t axis = 0; axis < kMeshAxes; ++axis) rank += position[axis] * strides_[axis];
  return rank;
}

int Mesh::Moved(int rank, MeshAxis axis, int coordinate) const {
  Position position = PositionOf(rank);
  position[static_cast<size_t>(axis)] = coordinate;
  return RankAt(position);
}

std::vector<int> Mesh::Along(int rank, const std::vector<MeshAxis>& axes) const {
  std::vector<int> along = {rank};
  for (const MeshAxis axis : axes) {
    std::vector<int> wider;
    for (const int known : along) {
      for (int i = 0; i < size(axis); ++i) wider.push_back(Moved(known, axis, i));
    }
    along = std::move(wider);
  }
  std::sort(along.begin(), along.end());
  return along;
}

std::vector<int> Mesh::GroupAlong(int rank, const std::vector<MeshAxis>& axes) const {
  std::vector<int> group = Along(rank, axes);
  if (static_cast<int>(group.size()) == ranks()) group.clear();
  return group;
}

}  // namespace edgetp
