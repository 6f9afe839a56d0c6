#include "common/simulate/variation.h"

#include <algorithm>
#include <cmath>

#include "common/base/normal.h"
#include "common/base/random.h"
#include "common/simulate/compute_cost.h"

namespace edgetp {
namespace {

// Of the seed's numbers, apart from those of jitter and loss, whose keys begin with a link.
constexpr uint64_t kBoardStream = 0x626f617264ull << 24;  // "board"

double Factor(double sigma, const BoardKey& key, uint64_t number) {
  if (sigma == 0) return 1;
  const uint64_t board = (static_cast<uint64_t>(key.draw) << 32) | static_cast<uint32_t>(key.rank);
  const double uniform = ToUnit(RandomBits(key.seed, kBoardStream, board, number));
  return std::exp(sigma * NormalQuantile(InsideUnit(uniform)));
}

}  // namespace

double BoardSigma(double variability) {
  constexpr double kMiddle95 = 2 * 1.959963984540054;
  return std::log1p(variability) / kMiddle95;
}

double BoardFactor(double variability, const BoardKey& key) {
  return Factor(BoardSigma(variability), key, 0);
}

double StepFactor(double variability, const BoardKey& key, int step) {
  return Factor(kStepShare * BoardSigma(variability), key, 1 + static_cast<uint64_t>(step));
}

std::vector<v1::DeviceProfile> DrawBoards(const std::vector<v1::DeviceProfile>& devices,
                                          int world_size, uint64_t seed, int draw) {
  std::vector<v1::DeviceProfile> boards;
  for (int rank = 0; rank < world_size; ++rank) {
    v1::DeviceProfile board = OfRank(devices, rank);
    const double factor = BoardFactor(board.variability(), {seed, draw, rank});
    const double own = board.has_compute_factor() ? board.compute_factor() : 1;
    if (factor != 1) board.set_compute_factor(own * factor);
    boards.push_back(std::move(board));
  }
  return boards;
}

double LargestVariability(const std::vector<v1::DeviceProfile>& devices) {
  double largest = 0;
  for (const v1::DeviceProfile& device : devices) largest = std::max(largest, device.variability());
  return largest;
}

}  // namespace edgetp
