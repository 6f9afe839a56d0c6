#include "common/network/verdict.h"

#include <algorithm>

#include "absl/strings/str_format.h"

namespace edgetp {
namespace {

double ShareOf(double seconds, const v1::Fidelity& fidelity) {
  return fidelity.elapsed_seconds() > 0 ? seconds / fidelity.elapsed_seconds() : 0;
}

// What Judge looks at: each share by itself.
double ErrorShare(const v1::Fidelity& fidelity) {
  return ShareOf(std::max(fidelity.late_seconds(), fidelity.overrun_seconds()), fidelity);
}

}  // namespace

v1::Fidelity WorstOf(const std::vector<v1::Fidelity>& ranks) {
  v1::Fidelity worst;
  double p99_us = 0;
  double max_us = 0;
  for (const v1::Fidelity& rank : ranks) {
    if (ErrorShare(rank) > ErrorShare(worst) || worst.elapsed_seconds() == 0) worst = rank;
    p99_us = std::max(p99_us, rank.error_p99_us());
    max_us = std::max(max_us, rank.error_max_us());
  }
  worst.set_error_p99_us(p99_us);
  worst.set_error_max_us(max_us);
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
  verdict.set_valid(verdict.late_share() <= kMaxErrorShare &&
                    verdict.overrun_share() <= kMaxErrorShare);
  if (verdict.valid()) {
    verdict.set_reason(absl::StrFormat(
        "valid (p99 error %.3g ms, late %.2f %% of step time%s)", worst.error_p99_us() * 1e-3,
        100 * verdict.late_share(),
        worst.held_by_senders() ? "; held by the senders: the real network's time is on top" : ""));
  } else {
    verdict.set_reason(
        absl::StrFormat("INVALID: host too slow for this profile, use --clock=simulated "
                        "(late %.1f %% and compute overrun %.1f %% of step time, limit %.1f %% "
                        "each; p99 error %.0f us)",
                        100 * verdict.late_share(), 100 * verdict.overrun_share(),
                        100 * kMaxErrorShare, worst.error_p99_us()));
  }
  return verdict;
}

}  // namespace edgetp
