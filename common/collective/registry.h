// Every all-reduce algorithm: a builder, what it promises, and where it comes from. A new algorithm
// is one builder and one row of kAlgorithms in registry.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/collective/schedule.h"

namespace edgetp {

struct Algorithm {
  const char* name;
  Schedule (*build)(int world_size, int64_t elements);
  // Promises, asserted by tests for every world size.
  int (*dependent_steps)(int world_size);
  double (*elements_sent_per_element)(
      int world_size);      // of the busiest rank, divided by the element count
  bool sums_in_rank_order;  // such algorithms give the same bits as one another
  const char* source;
};

const std::vector<Algorithm>& Algorithms();

// Errors: InvalidArgument with the list of names.
absl::StatusOr<const Algorithm*> FindAlgorithm(const std::string& name);

}  // namespace edgetp
