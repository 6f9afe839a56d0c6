// `edgetp advise`: which devices, strategy, pattern and wire format train a model best, by the
// simulator. The report has the best candidates, what limits each, and what is known of its loss;
// how to run one on the command line is the command line's. Pure and deterministic.
#pragma once

#include "absl/status/statusor.h"
#include "common/advise/candidates.h"
#include "edgetp/v1/advise.pb.h"

namespace edgetp {

// Errors: InvalidArgument for no devices, fewer than one sequence, worker or row, or devices without
//   what the goal needs; those of the simulator.
absl::StatusOr<v1::AdviseReport> Advise(const AdviseProblem& problem);

// "raspberry-pi-5*4+jetson-orin-nano": devices by rank, as --device reads them. `names`: by device.
std::string DeviceMix(const AdviseProblem& problem, const std::vector<int>& devices);

}  // namespace edgetp
