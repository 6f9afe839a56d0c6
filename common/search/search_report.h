// What a search has found, as a report: the front of each rung, which patterns stay within a budget
// of loss, and the fastest of them. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/search/pattern_search.h"
#include "edgetp/v1/search.pb.h"

namespace edgetp {

// How much more than the baseline's a loss may be.
struct LossBudget {
  std::string text;  // as typed
  double share = 0;  // of the baseline's loss
  double nats = 0;   // beside that

  double LimitFor(double baseline) const { return baseline * (1 + share) + nats; }
};

// "1%" of the baseline's loss, or "0.02" more than it.
// Errors: InvalidArgument with the rule.
absl::StatusOr<LossBudget> ParseLossBudget(const std::string& text);

// An interval that contains the mean with 95 % probability, where the values are independent and
// normal (Student's t). Needs two values at least.
struct Interval {
  double low = 0;
  double high = 0;
};
Interval MeanInterval(const std::vector<double>& values);

// The most seeds that MeanInterval is asked about.
inline constexpr int kMaxSearchSeeds = 10;

// Losses, the front, the budget and the chosen pattern; by the longest rung that has a loss of the
// baseline. Names of model, network and device, method, unit and command are the caller's.
v1::SearchReport BuildSearchReport(const SearchOptions& options, const SearchResult& result,
                                   const LossBudget& budget, double tokens_per_step);

}  // namespace edgetp
