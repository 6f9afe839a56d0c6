// The part of ScheduleExecutor that reduces: the own part, or a chunk's whole sum from several peers'
// parts at once.
#include <bit>
#include <cmath>
#include <cstring>

#include "common/base/status_macros.h"
#include "worker/collective/schedule_executor.h"

namespace edgetp {
namespace {

// The same bits whichever operand is which: ranks combine the first two parts in either order. Of
// the two zeros the positive one; a NaN stays.
float Larger(float a, float b) {
  if (a == b) return std::bit_cast<float>(std::bit_cast<uint32_t>(a) & std::bit_cast<uint32_t>(b));
  return a > b || std::isnan(a) ? a : b;
}

void LargerFp32(const std::byte* in, float* out, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    float value;
    std::memcpy(&value, in + i * sizeof(value), sizeof(value));
    out[i] = Larger(out[i], value);
  }
}

}  // namespace

void ScheduleExecutor::AddReceived(const std::byte* part, absl::Span<float> sum) const {
  if (execution_.reduction == Reduction::kMax) return LargerFp32(part, sum.data(), sum.size());
  execution_.wire.DecodeAdd(part, sum);
}

void ScheduleExecutor::AddSum(const float* sum, float* own, size_t count) const {
  if (execution_.reduction == Reduction::kMax) {
    for (size_t i = 0; i < count; ++i) own[i] = Larger(sum[i], own[i]);
  } else {
    for (size_t i = 0; i < count; ++i) own[i] = sum[i] + own[i];
  }
}

// What is in data goes through the wire format, where that is a matter of each element (schedule.h
// says when and why). No send reads data where that changes a bit: lossy payloads are read from
// encoded_.
void ScheduleExecutor::RoundData(int index) {
  Chunk& chunk = chunks_[index];
  if (chunk.rounded || !execution_.wire.elementwise()) return;
  execution_.wire.Round(data_.subspan(Range(index).begin, Range(index).size()));
  chunk.rounded = true;
}

// The same of what this rank brings: what is lost of it is this rank's loss. (Of a sum, it is the
// loss of who encodes it; all others round it to the same value.)
absl::Status ScheduleExecutor::RoundOwnPart(int index) {
  const WireFormat& wire = execution_.wire;
  if (chunks_[index].rounded || wire.identity() || !wire.elementwise()) return absl::OkStatus();
  RETURN_IF_ERROR(Fetch(Range(index).end));
  const absl::Span<float> own = data_.subspan(Range(index).begin, Range(index).size());
  const absl::Span<float> residual = Residual(index);
  for (size_t i = 0; i < residual.size(); ++i) residual[i] += own[i];
  RoundData(index);
  for (size_t i = 0; i < residual.size(); ++i) residual[i] -= own[i];
  return absl::OkStatus();
}

absl::Status ScheduleExecutor::ReduceLocal(size_t index) {
  const Action& action = ActionAt(index);
  Chunk& chunk = chunks_[action.chunk];
  RETURN_IF_ERROR(Fetch(Range(action.chunk).end));
  if (chunk.state == ChunkState::kOwn) RETURN_IF_ERROR(RoundOwnPart(action.chunk));
  if (chunk.state == ChunkState::kScratch) {
    const ChunkRange& range = Range(action.chunk);
    float* const own = data_.data() + range.begin;
    const float* const sum = scratch_.data() + range.begin;
    RETURN_IF_ERROR(
        WaitReleased(action, absl::MakeConstSpan(reinterpret_cast<const std::byte*>(own),
                                                 range.size() * sizeof(float))));
    RETURN_IF_ERROR(RoundOwnPart(action.chunk));
    AddSum(sum, own, range.size());
    chunk.encoded = chunk.rounded = false;
  }
  chunk.state = ChunkState::kData;
  if (!Finishes(index)) return absl::OkStatus();
  RoundData(action.chunk);
  return GiveBackChunk(action.chunk);
}

// The end of the actions from `begin` on that make one chunk's whole sum out of several peers'
// parts and the own one; `begin` where there are none. An emulated network says in which order
// parts arrive: then it is one action after another.
size_t ScheduleExecutor::EndOfReduction(size_t begin) {
  const std::vector<Action>& actions = execution_.schedule->actions[transport_->rank()];
  const int chunk = actions[begin].chunk;
  size_t end = begin;
  int own = 0;
  const auto reduces = [chunk](const Action& action) {
    return action.chunk == chunk &&
           (action.kind == ActionKind::kRecvReduce || action.kind == ActionKind::kReduceLocal);
  };
  for (; end < actions.size() && reduces(actions[end]); ++end)
    own += actions[end].kind == ActionKind::kReduceLocal ? 1 : 0;
  const bool whole = own == 1 && end - begin > 2 && chunks_[chunk].state == ChunkState::kOwn;
  return whole && Range(chunk).size() > 0 && !Stamps() ? end : begin;
}

// Segment by segment, so that each is summed while it is in cache.
absl::Status ScheduleExecutor::ReduceTogether(size_t begin, size_t end) {
  const std::vector<Action>& actions = execution_.schedule->actions[transport_->rank()];
  const absl::Span<const Action> parts = absl::MakeConstSpan(actions).subspan(begin, end - begin);
  const int chunk = parts.front().chunk;
  receives_left_ -= static_cast<int>(parts.size()) - 1;
  RETURN_IF_ERROR(RoundOwnPart(chunk));
  const Segmentation segments = SegmentsOf(chunk);
  const bool finishes = Finishes(end - 1);
  const int64_t first = Range(chunk).begin;
  for (int64_t i = 0; i < segments.count(); ++i) {
    const SegmentRange range = segments.at(i);
    RETURN_IF_ERROR(Fetch(first + range.begin + range.elements));
    RETURN_IF_ERROR(ReduceSegment(parts, range));
    if (!finishes) continue;
    execution_.wire.Round(data_.subspan(first + range.begin, range.elements));
    RETURN_IF_ERROR(GiveBack(first + range.begin, first + range.begin + range.elements));
  }
  chunks_[chunk] = Chunk{ChunkState::kData};
  if (finishes) MarkReturned(chunk);
  return absl::OkStatus();
}

// In rank order. Where the own part is the first or the second, the sum grows in data from the
// start (ReceiveReduce says why); else it starts in scratch.
absl::Status ScheduleExecutor::ReduceSegment(absl::Span<const Action> parts,
                                             const SegmentRange& range) {
  const auto count = static_cast<size_t>(range.elements);
  float* const own = data_.data() + Range(parts.front().chunk).begin + range.begin;
  RETURN_IF_ERROR(WaitReleased(parts.front(),
                               {reinterpret_cast<const std::byte*>(own), count * sizeof(float)}));
  const bool in_place =
      parts[0].kind == ActionKind::kReduceLocal || parts[1].kind == ActionKind::kReduceLocal;
  if (!in_place && scratch_.size() < count) scratch_.resize(count);
  float* sum = in_place ? own : scratch_.data();
  bool started = in_place;
  for (const Action& action : parts) {
    if (action.kind == ActionKind::kReduceLocal) {
      if (sum != own) AddSum(sum, own, count);
      sum = own;
      continue;
    }
    ASSIGN_OR_RETURN(const ReceivedSegment* segment, Await(action));
    RETURN_IF_ERROR(CheckExpected(action, range, *segment));
    Apply(*segment, started ? Operation::kAdd : Operation::kCopy, {sum, count});
    started = true;
    arrivals_.Pop(action.peer);
  }
  return absl::OkStatus();
}

}  // namespace edgetp
