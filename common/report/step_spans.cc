#include "common/report/step_spans.h"

#include <algorithm>

namespace edgetp {

void SpanRecorder::Add(const Span& span) {
  if (!Shown(span.rank) || span.begin >= span.end) return;
  // What goes on is one span.
  if (!spans_.empty()) {
    Span& last = spans_.back();
    if (last.rank == span.rank && last.lane == span.lane && last.kind == span.kind &&
        last.end == span.begin) {
      last.end = span.end;
      return;
    }
  }
  spans_.push_back(span);
}

void SpanRecorder::OnCompute(int rank, absl::Time begin, absl::Time end, size_t segment) {
  Add({rank, 0, "compute", begin, end});
}

void SpanRecorder::OnCollective(int rank, absl::Time begin, absl::Time end,
                                const CollectiveStep& collective) {
  const bool overlaps = collective.part != CollectivePart::kBoth;
  Add({rank, overlaps ? 1 : 0, overlaps ? "exchange" : "software", begin, end});
}

void SpanRecorder::OnWait(int rank, absl::Time begin, absl::Time end, const TimeBreakdown& terms) {
  if (Shown(rank)) waits_.Add(rank, begin, end, terms);
}

std::vector<StepSpan> SpanRecorder::Take(size_t count, double* shortest) {
  waits_.ForEachTerm([&](int rank, const char* name, absl::Time begin, absl::Duration length) {
    Add({rank, 0, name, begin, begin + length});
  });
  absl::Time start = absl::InfiniteFuture();
  std::vector<absl::Duration> lengths;
  for (const Span& span : spans_) {
    start = std::min(start, span.begin);
    lengths.push_back(span.end - span.begin);
  }
  absl::Duration least;
  if (lengths.size() > count) {
    std::nth_element(lengths.begin(), lengths.end() - count, lengths.end());
    least = *(lengths.end() - count);
  }
  *shortest = absl::ToDoubleSeconds(least);
  std::vector<StepSpan> kept;
  for (const Span& span : spans_) {
    if (span.end - span.begin < least) continue;
    kept.push_back({span.rank, span.lane, span.kind, absl::ToDoubleSeconds(span.begin - start),
                    absl::ToDoubleSeconds(span.end - start)});
  }
  return kept;
}

}  // namespace edgetp
