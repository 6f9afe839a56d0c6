// What one all-reduce costs, and which algorithm is the cheapest: what `auto` means. Pure and
// deterministic, so that all ranks of a run choose alike.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/collective/segments.h"
#include "common/network/link_options.h"
#include "common/simulate/compute_cost.h"

namespace edgetp {

// Software cost of one message, at its sender and again at its receiver, where no device profile
// says it: as measured on hosts of today.
inline constexpr absl::Duration kHostMessageOverhead = absl::Microseconds(20);

struct AllReduceProblem {
  NetworkOptions network;
  int world_size = 1;
  int64_t elements = 0;
  WireFormat wire;
  int64_t segment_bytes = kDefaultSegmentBytes;
  int64_t slice_bytes = kDefaultSliceBytes;
  DeviceOptions device;  // what messages and encoding cost on each rank; the rest is not read

  int64_t wire_bytes() const { return wire.WireBytes(elements); }
};

// What an all-reduce takes on the average, and how well that is known.
struct AllReduceCost {
  absl::Duration mean;
  absl::Duration low;  // 95 % confidence interval of the mean
  absl::Duration high;
  absl::Duration longest;  // of the draws
  int draws = 0;           // 1 where the network has neither jitter nor loss
};

// Segments that pricing may simulate for one algorithm. `auto` asks at the start of each run, for
// every size, on every rank; somebody who asks for a price can wait for a second.
inline constexpr int64_t kChoiceBudget = 1 << 16;
inline constexpr int64_t kPriceBudget = 1 << 22;

// An all-reduce that all ranks enter together on an idle network. Where the network has jitter or
// loss, as many independent ones as bring the interval within 2 % of the mean, at least 32, as far
// as the budget allows; always the same ones, so that all ranks of a run get the same answer. A
// trace counts with its mean rate. A partition is ignored: it will be healed. Where an all-reduce
// has more than a million segments, it is priced with larger ones, and larger slices, so that a choice
// among thousands of ranks takes seconds.
// Errors: InvalidArgument for an unknown algorithm, one that the format cannot travel with, or a
//   size below 1.
absl::StatusOr<AllReduceCost> PriceAllReduce(const AllReduceProblem& problem,
                                             const std::string& algorithm,
                                             int64_t budget = kPriceBudget);

// True if the difference is more than what rounding of single segments adds up to.
bool ClearlyCheaper(absl::Duration price, absl::Duration than);

// The cheapest algorithm of those that sum in rank order, by the means of kChoiceBudget. With an
// elementwise format they have equal bits, so that the choice changes times and never losses. Of
// equally cheap ones, the first of the registry.
std::string ChooseAlgorithm(const AllReduceProblem& problem);

// What ChooseAlgorithm said, remembered for many runs over one network whose links are alike: the
// network is no part of the question then.
class AlgorithmMemo {
 public:
  // Answers as ChooseAlgorithm does; outlives the memo.
  std::function<std::string(const AllReduceProblem&)> Chooser() const;

 private:
  using Key = std::tuple<int, int64_t, WireFormat, int64_t, absl::Duration, double, double>;
  std::shared_ptr<std::map<Key, std::string>> known_ =
      std::make_shared<std::map<Key, std::string>>();
};

}  // namespace edgetp
