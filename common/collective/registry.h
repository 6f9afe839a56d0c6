// Every all-reduce algorithm: a builder, what it promises, and where it comes from. A new algorithm
// is one builder and one row of kAlgorithms in registry.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/collective/schedule.h"
#include "common/collective/segments.h"

namespace edgetp {

// The builder of an algorithm. Chunks begin at multiples of `granule`: of the wire format's. Where
// the algorithm cuts its chunks into slices, a slice has at most `slice_elements` (SliceElements).
class Builder {
 public:
  using OfChunks = Schedule (*)(int world_size, int64_t elements, int64_t granule);
  using OfSlices = Schedule (*)(int world_size, int64_t elements, int64_t granule,
                                int64_t slice_elements);
  // Not explicit: a row of the registry names a function.
  Builder(OfChunks build) : of_chunks_(build) {}
  Builder(OfSlices build) : of_slices_(build) {}

  Schedule operator()(int world_size, int64_t elements, int64_t granule,
                      int64_t slice_elements = SliceElements(WireFormat(),
                                                             kDefaultSliceBytes)) const {
    return of_slices_ != nullptr ? of_slices_(world_size, elements, granule, slice_elements)
                                 : of_chunks_(world_size, elements, granule);
  }

 private:
  OfChunks of_chunks_ = nullptr;
  OfSlices of_slices_ = nullptr;
};

struct Algorithm {
  const char* name;
  Builder build;
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
