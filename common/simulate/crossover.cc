#include "common/simulate/crossover.h"

#include <algorithm>

#include "common/base/status_macros.h"

namespace edgetp {
namespace {

constexpr absl::Duration kResolution = absl::Microseconds(1);
constexpr int kRelativeResolution = 1000;

std::vector<absl::Duration> Grid() {
  std::vector<absl::Duration> grid = {absl::ZeroDuration()};
  for (absl::Duration delay = absl::Microseconds(10); delay <= kMaxCrossoverDelay; delay *= 10) {
    grid.push_back(delay);
  }
  return grid;
}

class Search {
 public:
  Search(const SecondsAtDelay& first, const SecondsAtDelay& second)
      : first_(first), second_(second) {}

  // Below 0: the first is faster.
  absl::StatusOr<int> Order(absl::Duration delay) const {
    ASSIGN_OR_RETURN(const double first, first_(delay));
    ASSIGN_OR_RETURN(const double second, second_(delay));
    return (first > second) - (first < second);
  }

  // The order at `low` is `order`, at `high` the opposite.
  absl::StatusOr<absl::Duration> Bisect(absl::Duration low, absl::Duration high, int order) const {
    while (high - low > std::max(kResolution, high / kRelativeResolution)) {
      const absl::Duration middle = low + (high - low) / 2;
      ASSIGN_OR_RETURN(const int here, Order(middle));
      (here == order ? low : high) = middle;
    }
    return high;
  }

 private:
  const SecondsAtDelay& first_;
  const SecondsAtDelay& second_;
};

}  // namespace

absl::StatusOr<std::vector<DelayCrossover>> FindCrossovers(const SecondsAtDelay& first,
                                                           const SecondsAtDelay& second) {
  const Search search(first, second);
  std::vector<DelayCrossover> crossovers;
  int order = 0;  // at the last delay at which the two differed
  absl::Duration last;
  for (const absl::Duration delay : Grid()) {
    ASSIGN_OR_RETURN(const int here, search.Order(delay));
    if (here == 0) continue;
    if (order != 0 && here != order) {
      ASSIGN_OR_RETURN(const absl::Duration found, search.Bisect(last, delay, order));
      crossovers.push_back({found, order < 0});
    }
    order = here;
    last = delay;
  }
  return crossovers;
}

int CrossoverEvaluations() { return static_cast<int>(Grid().size()); }

}  // namespace edgetp
