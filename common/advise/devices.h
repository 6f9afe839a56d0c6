// Which devices of a pool a candidate of `edgetp advise` may have, and in which order they are its
// ranks. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/advise/candidates.h"

namespace edgetp {

// True if the profile says something of certain ranks, so that it matters which device is which.
bool KnowsRanks(const v1::NetworkProfile& network);

// Every multiset of the problem's devices, up to its max_workers: by size, the fastest first. Each is
// a list by rank of indices into its devices, the fastest first. Where there are more than
// kMaxSubsets, of each size the fastest devices, and of each kind its own. Where the network knows
// ranks, each device alone, and the first n in the order of the problem.
// Adds to `left_out` what is missing, in words.
inline constexpr double kMaxSubsets = 4096;
std::vector<std::vector<int>> DeviceSubsets(const AdviseProblem& problem,
                                            const std::vector<double>& speeds,
                                            std::vector<std::string>* left_out);

}  // namespace edgetp
