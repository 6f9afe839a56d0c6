#include "common/report/step_spans.h"

#include <algorithm>
#include <utility>

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
  if (!Shown(rank) || begin == end) return;
  std::vector<Wait>& waits = waits_[rank];
  if (waits.empty() || waits.back().end != begin) {
    waits.push_back({begin, end, terms});
    return;
  }
  waits.back().end = end;
  waits.back().terms += terms;
}

std::vector<StepSpan> SpanRecorder::Take(size_t count, double* shortest) {
  for (size_t rank = 0; rank < waits_.size(); ++rank) {
    for (const Wait& wait : waits_[rank]) {
      const std::pair<const char*, absl::Duration> terms[] = {
          {"straggler", wait.terms.straggler},         {"queueing", wait.terms.queueing},
          {"propagation", wait.terms.propagation},     {"jitter", wait.terms.jitter},
          {"serialization", wait.terms.serialization}, {"software", wait.terms.software}};
      absl::Time begin = wait.begin;
      for (const auto& [kind, length] : terms) {
        Add({static_cast<int>(rank), 0, kind, begin, begin + length});
        begin += length;
      }
    }
  }
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
