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
  // Chunks begin at multiples of `granule`: of the wire format's.
  Schedule (*build)(int world_size, int64_t elements, int64_t granule);
  // Promises, asserted by tests for every world size.
  int (*dependent_steps)(int world_size);
  double (*elements_sent_per_element)(
      int world_size);      // of the busiest rank, divided by the element count
  bool sums_in_rank_order;  // such algorithms give the same bits as one another (schedule.h)
  bool encodes_every_hop;   // sums travel on and are encoded again: not with few bits
  const char* source;
};

const std::vector<Algorithm>& Algorithms();

// Errors: InvalidArgument with the list of names.
absl::StatusOr<const Algorithm*> FindAlgorithm(const std::string& name);

// What `algorithm` can be: the names of Algorithms(), after "auto".
std::vector<std::string> AlgorithmChoices();

// Whether a format can travel with an algorithm.
// Errors: InvalidArgument: it has 8 bits or fewer, and the algorithm encodes at every hop; names
//   the ones that do not.
absl::Status CheckFormat(const Algorithm& algorithm, const WireFormat& format);

}  // namespace edgetp
