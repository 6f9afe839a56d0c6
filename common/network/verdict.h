// Can a run's times be believed? From how late the host was, and how long its compute overran, to a
// verdict. Pure.
#pragma once

#include <vector>

#include "edgetp/v1/report.pb.h"

namespace edgetp {

// Lateness and overrun may each be at most this share of the step time. What is seen as late is a
// part of what a busy host adds: a rank that is held up between two messages delays others unseen.
// Measured on grids from idle to overloaded (docs/fidelity.md), the step time is wrong by up to
// three times the late share, so that INVALID comes before the error exceeds 5 %.
inline constexpr double kMaxErrorShare = 0.015;

// Between hosts, times are moved from one clock to the other, with an error that has a bound. If every
// wait were wrong by all of it, and always in the same direction, the step time would be wrong by
// this share at most. It is much less: an error that stays makes one direction of a link longer and
// the other one shorter.
inline constexpr double kMaxClockShare = 0.05;

// The rank whose lateness or overrun, whichever is more, takes the largest share: no other rank can
// be INVALID if it is not. With the largest release errors of all ranks, and the least known clocks.
// Empty input: all zero.
v1::Fidelity WorstOf(const std::vector<v1::Fidelity>& ranks);

// Verdict over the worst rank of a run. Where nothing was `emulated` or paced, or nothing measured
// (elapsed_seconds 0), there is nothing to judge: valid, and not judged.
v1::Verdict Judge(const v1::Fidelity& worst, bool emulated = true);

}  // namespace edgetp
