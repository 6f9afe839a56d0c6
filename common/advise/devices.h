// Which devices of a pool a candidate of `edgetp advise` may have, and in which order they are its
// ranks. Pure.
#pragma once

#include <string>
#include <vector>

#include "common/advise/candidates.h"

namespace edgetp {

// Devices of all kinds together.
int PoolSize(const AdviseProblem& problem);

// True if the profile says something of certain ranks, so that it matters which device is which.
bool KnowsRanks(const v1::NetworkProfile& network);

// Every multiset of the problem's devices, up to its max_workers: by size, each as a list of indices
// into its devices, the fastest first. Where there are more than kMaxSubsets, of each size the
// fastest devices, and of each kind its own. Where the network knows ranks, each device alone, and the
// first n in the order of the problem.
// Adds to `left_out` what is missing, in words.
inline constexpr double kMaxSubsets = 4096;
std::vector<std::vector<int>> DeviceSubsets(const AdviseProblem& problem,
                                            const std::vector<double>& speeds,
                                            std::vector<std::string>* left_out);

// The devices of a group by rank. Where it matters who is which rank (stages differ, and so do
// replicas and stages of unequal devices), every order of up to kMaxOrders, identical devices not
// permuted; of more, the fastest first, and last. Elsewhere the group's own alone.
inline constexpr double kMaxOrders = 24;
std::vector<std::vector<int>> OrdersOf(const AdviseProblem& problem, const AdviseGroup& group);

// How many orders there are.
double OrdersOfDevices(const std::vector<int>& devices);

}  // namespace edgetp
