#include "common/network/medium_arbiter.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace edgetp {
namespace {

// Requests are late by less than a step, and a busy medium's grants touch one another.
constexpr size_t kMaxRemembered = 1024;

}  // namespace

absl::Time MediumArbiter::Grant(absl::Time handover, absl::Duration airtime) {
  absl::Time start = std::max(handover, forgotten_);
  auto next = taken_.upper_bound(start);
  if (next != taken_.begin()) start = std::max(start, std::prev(next)->second);
  for (; next != taken_.end() && next->first < start + airtime; ++next) start = next->second;
  Occupy(start, airtime);
  return start;
}

absl::Time MediumArbiter::Fill(absl::Time handover, absl::Duration airtime) {
  absl::Time begin = std::max(handover, forgotten_);
  auto next = taken_.upper_bound(begin);
  if (next != taken_.begin()) begin = std::max(begin, std::prev(next)->second);
  absl::Time end = begin + airtime;
  // What others have of that time is added at its end.
  for (; next != taken_.end() && next->first < end; ++next) end += next->second - next->first;
  Occupy(begin, end - begin);
  return end;
}

void MediumArbiter::Occupy(absl::Time start, absl::Duration airtime) {
  if (airtime <= absl::ZeroDuration()) return;
  absl::Time end = start + airtime;
  // What it touches becomes one with it.
  auto next = taken_.upper_bound(start);
  if (next != taken_.begin() && std::prev(next)->second >= start) {
    --next;
    start = next->first;
  }
  for (; next != taken_.end() && next->first <= end; next = taken_.erase(next))
    end = std::max(end, next->second);
  taken_.emplace_hint(next, start, end);
  if (taken_.size() <= kMaxRemembered) return;
  forgotten_ = std::max(forgotten_, taken_.begin()->second);
  taken_.erase(taken_.begin());
}

}  // namespace edgetp
