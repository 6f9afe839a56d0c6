// What one all-reduce costs with each algorithm: the table of `edgetp simulate --bytes`, and the
// data of the phase diagram in docs/collectives.md. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/simulate/choose_algorithm.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

// Appends a row for each algorithm; "auto" stands for the one that it chooses, all others for
// themselves. The cheapest is marked among the rows that are appended together: of equals, the
// first.
// Errors: those of PriceAllReduce and FindAlgorithm.
absl::Status AppendPrices(const AllReduceProblem& problem,
                          const std::vector<std::string>& algorithms, v1::AllReduceReport* report);

}  // namespace edgetp
