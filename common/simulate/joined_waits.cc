#include "common/simulate/joined_waits.h"

#include <utility>

namespace edgetp {

void JoinedWaits::Add(int rank, absl::Time begin, absl::Time end, const TimeBreakdown& terms) {
  if (begin == end) return;
  std::vector<Wait>& waits = waits_[rank];
  if (waits.empty() || waits.back().end != begin) {
    waits.push_back({begin, end, terms});
    return;
  }
  waits.back().end = end;
  waits.back().terms += terms;
}

void JoinedWaits::ForEachTerm(
    absl::FunctionRef<void(int, const char*, absl::Time, absl::Duration)> take) const {
  for (size_t rank = 0; rank < waits_.size(); ++rank) {
    for (const Wait& wait : waits_[rank]) {
      const std::pair<const char*, absl::Duration> terms[] = {
          {"straggler", wait.terms.straggler},         {"queueing", wait.terms.queueing},
          {"propagation", wait.terms.propagation},     {"jitter", wait.terms.jitter},
          {"serialization", wait.terms.serialization}, {"software", wait.terms.software}};
      absl::Time begin = wait.begin;
      for (const auto& [name, length] : terms) {
        if (length <= absl::ZeroDuration()) continue;
        take(static_cast<int>(rank), name, begin, length);
        begin += length;
      }
    }
  }
}

}  // namespace edgetp
