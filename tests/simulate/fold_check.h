// Folding changes nothing: timelines are compared to the last bit.
#pragma once

#include <gtest/gtest.h>

#include "common/simulate/timeline.h"

namespace edgetp::testing {

inline bool Same(const TimeBreakdown& a, const TimeBreakdown& b) {
  for (const BreakdownTerm& term : kBreakdownTerms) {
    if (a.*term.span != b.*term.span) return false;
  }
  return true;
}

inline void ExpectSame(const StepTimeline& a, const StepTimeline& b) {
  EXPECT_EQ(a.duration, b.duration);
  ASSERT_EQ(a.ranks.size(), b.ranks.size());
  for (size_t rank = 0; rank < a.ranks.size(); ++rank) {
    EXPECT_EQ(a.ranks[rank].begin, b.ranks[rank].begin) << rank;
    EXPECT_EQ(a.ranks[rank].end, b.ranks[rank].end) << rank;
    EXPECT_TRUE(Same(a.ranks[rank].breakdown, b.ranks[rank].breakdown)) << rank;
  }
}

// Runs both simulators for some steps; returns how many collectives were folded.
inline int64_t ExpectFoldingChangesNothing(TimelineOptions options, const StepPlan& plan,
                                           const ComputeTable& compute) {
  options.fold = true;
  auto folding = TimelineSimulator::Create(options).value();
  options.fold = false;
  auto plain = TimelineSimulator::Create(options).value();
  for (int step = 0; step < 4; ++step) {
    ExpectSame(folding.RunStep(plan, compute).value(), plain.RunStep(plan, compute).value());
  }
  EXPECT_EQ(folding.counts().collectives, plain.counts().collectives);
  EXPECT_EQ(plain.counts().folded, 0);
  return folding.counts().folded;
}

}  // namespace edgetp::testing
