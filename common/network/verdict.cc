#include "common/network/verdict.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace edgetp {
namespace {

double ShareOf(double seconds, const v1::Fidelity& fidelity) {
  return fidelity.elapsed_seconds() > 0 ? seconds / fidelity.elapsed_seconds() : 0;
}

// What the host adds: each share by itself.
double ErrorShare(const v1::Fidelity& fidelity) {
  return ShareOf(std::max(fidelity.late_seconds(), fidelity.overrun_seconds()), fidelity);
}

// Nothing within a host.
std::string ClocksText(const v1::Fidelity& fidelity, double share) {
  std::string text;
  if (fidelity.clock_bound_us() > 0) {
    text = absl::StrFormat("; clocks of the hosts known to %.3g ms, %.2f %% of step time",
                           fidelity.clock_bound_us() * 1e-3, 100 * share);
  }
  if (fidelity.held_by_senders()) absl::StrAppend(&text, "; some messages held by the senders");
  return text;
}

std::string InvalidText(const v1::Fidelity& worst, const v1::Verdict& verdict) {
  if (verdict.late_share() <= kMaxErrorShare && verdict.overrun_share() <= kMaxErrorShare) {
    return absl::StrFormat(
        "INVALID: clocks of the hosts known to %.3g ms only, %.1f %% of step time, limit %.1f %%: "
        "use a slower profile, a faster network between the hosts, or --clock=simulated",
        worst.clock_bound_us() * 1e-3, 100 * verdict.clock_share(), 100 * kMaxClockShare);
  }
  return absl::StrFormat(
      "INVALID: host%s too slow for this profile, use --clock=simulated "
      "(late %.1f %% and compute overrun %.1f %% of step time, limit %.1f %% "
      "each; p99 error %.0f us%s)",
      worst.clock_bound_us() > 0 ? "s, or the real network between them," : "",
      100 * verdict.late_share(), 100 * verdict.overrun_share(), 100 * kMaxErrorShare,
      worst.error_p99_us(), ClocksText(worst, verdict.clock_share()));
}

}  // namespace

v1::Fidelity WorstOf(const std::vector<v1::Fidelity>& ranks) {
  v1::Fidelity worst;
  double p99_us = 0;
  double max_us = 0;
  double bound_us = 0;
  double clock_share = 0;
  bool held = false;
  for (const v1::Fidelity& rank : ranks) {
    if (ErrorShare(rank) > ErrorShare(worst) || worst.elapsed_seconds() == 0) worst = rank;
    p99_us = std::max(p99_us, rank.error_p99_us());
    max_us = std::max(max_us, rank.error_max_us());
    bound_us = std::max(bound_us, rank.clock_bound_us());
    clock_share = std::max(clock_share, ShareOf(rank.clock_seconds(), rank));
    held = held || rank.held_by_senders();
  }
  worst.set_error_p99_us(p99_us);
  worst.set_error_max_us(max_us);
  worst.set_clock_bound_us(bound_us);
  worst.set_clock_seconds(clock_share * worst.elapsed_seconds());
  worst.set_held_by_senders(held);
  return worst;
}

v1::Verdict Judge(const v1::Fidelity& worst, bool emulated) {
  v1::Verdict verdict;
  verdict.set_judged(emulated && worst.elapsed_seconds() > 0);
  if (!verdict.judged()) {
    verdict.set_valid(true);
    verdict.set_reason(emulated ? "not judged (nothing was measured)"
                                : "not judged (nothing was emulated or paced: times are this "
                                  "host's own)");
    return verdict;
  }
  verdict.set_late_share(ShareOf(worst.late_seconds(), worst));
  verdict.set_overrun_share(ShareOf(worst.overrun_seconds(), worst));
  verdict.set_clock_share(ShareOf(worst.clock_seconds(), worst));
  verdict.set_valid(verdict.late_share() <= kMaxErrorShare &&
                    verdict.overrun_share() <= kMaxErrorShare &&
                    verdict.clock_share() <= kMaxClockShare);
  verdict.set_reason(verdict.valid()
                         ? absl::StrFormat("valid (p99 error %.3g ms, late %.2f %% of step time%s)",
                                           worst.error_p99_us() * 1e-3, 100 * verdict.late_share(),
                                           ClocksText(worst, verdict.clock_share()))
                         : InvalidText(worst, verdict));
  return verdict;
}

}  // namespace edgetp
