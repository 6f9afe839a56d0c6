// Boards of one kind differ: the same profile computes faster on one, slower on another, and not
// every step alike. Which board a rank has is drawn, from a seed. Compute alone differs, as in the
// measurements that `variability` comes from; messages cost what the profile says. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "edgetp/v1/config.pb.h"

namespace edgetp {

// Standard deviation of the logarithm of a board's factor. The median board is the profile's; the
// middle 95 % of boards lie within a factor of 1 + variability:
//   exp(2 * 1.96 * sigma) = 1 + variability
// The measurements behind the shipped profiles say "identical boards differ by up to 24 %".
double BoardSigma(double variability);

// A step's own factor has this share of the board's sigma. An assumption: nobody has published it.
inline constexpr double kStepShare = 0.25;

struct BoardKey {
  uint64_t seed = 0;
  int draw = 0;
  int rank = 0;
};

// How many times as long this board computes, in all steps, and in one of them on top of that.
// Lognormal with median 1; exactly 1 without variability.
double BoardFactor(double variability, const BoardKey& key);
double StepFactor(double variability, const BoardKey& key, int step);

// Draw number `draw` of the boards of a run: one profile per rank, its compute_factor times the
// board's. `devices`: one for all, or one per rank.
std::vector<v1::DeviceProfile> DrawBoards(const std::vector<v1::DeviceProfile>& devices,
                                          int world_size, uint64_t seed, int draw);

// The largest of the devices'.
double LargestVariability(const std::vector<v1::DeviceProfile>& devices);

}  // namespace edgetp
