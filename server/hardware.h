// Which workers may form one run. Ranks compute what is replicated each for itself, and must get the
// same bits: they are all CPUs, or accelerators of one model. Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "server/membership.h"

namespace edgetp {

// "cpu", or the accelerator's model.
std::string KindOf(const v1::JoinRequest& join);

// The workers of each kind; kinds and workers in the order of `workers`.
std::vector<std::pair<std::string, std::vector<Worker*>>> ByKind(
    const std::vector<Worker*>& workers);

// "2 x cpu, 1 x NVIDIA H200".
std::string DescribeKinds(const std::vector<Worker*>& workers);

// What keeps a job that wants so many workers waiting: `found` of one kind are among `idle`.
std::string MissingWorkers(int wanted, int found, const std::vector<Worker*>& idle);

// A warning where replicas may drift apart although all of `workers` are CPUs: their models or BLAS
// kernels differ. Empty if they are alike.
std::string UnlikeCpus(const std::vector<Worker*>& workers);

}  // namespace edgetp
