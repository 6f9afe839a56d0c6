#include "worker/collective/schedule_executor.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "worker/transport/blame.h"
#include "worker/transport/peer_clock.h"
#include "worker/transport/peer_payload.h"

namespace edgetp {
namespace {

// gRPC's queue wakes with a granularity of about 1 ms: closer to a release than this, only
// clock_nanosleep will do.
constexpr absl::Duration kQueueGranularity = absl::Milliseconds(2);
// How long a hold sleeps at a time while something else may arrive.
constexpr absl::Duration kNap = absl::Microseconds(200);
// A sleep ends some 30 us late on an idle host: so much before a release, a hold spins.
constexpr absl::Duration kSpin = absl::Microseconds(50);
// How often a send into a partition looks whether the profile has changed.
constexpr absl::Duration kPartitionPoll = absl::Milliseconds(5);

}  // namespace

ScheduleExecutor::ScheduleExecutor(SegmentTransport* transport, EmulatedNetwork* network,
                                   LinkClock* clock, int64_t segment_bytes)
    : transport_(transport),
      network_(network),
      clock_(clock),
      segment_bytes_(std::min(segment_bytes, kMaxSegmentBytes)),
      sender_(transport),
      arrivals_(transport, network) {}

absl::Status ScheduleExecutor::Run(const Execution& execution, absl::Span<float> data,
                                   ExecutionReport* report) {
  const absl::Time begin = clock_->Now();
  const auto& actions = execution.schedule->actions[transport_->rank()];
  execution_ = execution;
  data_ = data;
  report_ = report;
  *report = ExecutionReport();
  report->bytes_sent.assign(transport_->world_size(), 0);
  Chunk own;
  own.rounded = brought() != nullptr;
  chunks_.assign(execution.schedule->chunks.size(), own);
  latest_entry_ = begin;
  log_.Begin(&report->deliveries, clock_->paced());
  receives_left_ = static_cast<int>(std::count_if(actions.begin(), actions.end(), Receives));

  if (absl::Status status = RunStaged(); !status.ok()) {
    // Whatever failed, the transport must let go of `data` before the caller may.
    transport_->Abort(status);
    transport_->Poll(absl::InfinitePast()).IgnoreError();  // it repeats `status`
    return status;
  }
  const absl::Time end = clock_->Now();
  report->elapsed = end - begin;
  report->time = AttributeWaits(report->waits, begin);
  report->time.staging += report->staged;
  report->time.software += report->elapsed - report->time.total();
  report->exposed_software =
      log_.ExposedSoftware(begin, end, report->time.software + report->time.transit);
  return absl::OkStatus();
}

absl::Status ScheduleExecutor::RunActions() {
  const size_t count = execution_.schedule->actions[transport_->rank()].size();
  for (size_t i = 0; i < count;) {
    const size_t end = EndOfReduction(i);
    RETURN_IF_ERROR(end > i + 1 ? ReduceTogether(i, end) : RunAction(i));
    i = std::max(i + 1, end);
  }
  for (size_t chunk = 0; chunk < chunks_.size(); ++chunk) RoundData(static_cast<int>(chunk));
  return WaitReleased(Action(), absl::Span<const std::byte>());
}

absl::Status ScheduleExecutor::RunAction(size_t index) {
  const std::vector<Action>& actions = execution_.schedule->actions[transport_->rank()];
  const Action& action = actions[index];
  if (Receives(action)) --receives_left_;
  if (Range(action.chunk).size() == 0) return absl::OkStatus();
  switch (action.kind) {
    case ActionKind::kSend:
      return Send(action);
    case ActionKind::kReduceLocal:
      return ReduceLocal(index);
    case ActionKind::kRecvReduce: {
      const bool own_part_next = index + 1 < actions.size() &&
                                 actions[index + 1].chunk == action.chunk &&
                                 actions[index + 1].kind == ActionKind::kReduceLocal;
      return ReceiveReduce(index, own_part_next);
    }
    case ActionKind::kRecvCopy: {
      chunks_[action.chunk] = {ChunkState::kData, false, true};
      return Receive(action, data_.data() + Range(action.chunk).begin, Operation::kCopy,
                     Finishes(index));
    }
  }
  return absl::InternalError("schedule: unknown action");
}

float* ScheduleExecutor::Scratch() {
  if (scratch_.size() < data_.size()) scratch_.resize(data_.size());
  return scratch_.data();
}

float* ScheduleExecutor::Sum(int chunk) {
  float* const base = chunks_[chunk].state == ChunkState::kScratch ? Scratch() : data_.data();
  return base + Range(chunk).begin;
}

absl::Status ScheduleExecutor::Send(const Action& action) {
  const Segmentation segments = SegmentsOf(action.chunk);
  Chunk& chunk = chunks_[action.chunk];
  const bool encodes = !execution_.wire.identity() && !chunk.encoded;
  if (encodes) clock_->SpendCodec(execution_.wire, segments.chunk_elements());
  clock_->SpendSending(segments.chunk_bytes(), network_->RateTo(action.peer));
  if (encodes) RETURN_IF_ERROR(MakeRoom(action));
  if (encodes && !by_segments_) Encode(action.chunk, 0, segments.chunk_elements());
  const absl::Span<const std::byte> payload = WirePayload(action.chunk);
  ASSIGN_OR_RETURN(const std::vector<SegmentTimes> times, Stamp(action, segments.SizesBytes()));
  for (int64_t i = 0; i < segments.count(); ++i) {
    const SegmentRange range = segments.at(i);
    SegmentHeader header;
    header.collective = execution_.collective;
    header.chunk = static_cast<uint32_t>(action.chunk);
    header.offset_bytes = static_cast<uint64_t>(range.offset_bytes);
    header.wire_dtype = execution_.wire.wire_id();
    header.times = times[i];
    header.times.entered_ns = absl::ToUnixNanos(latest_entry_);
    if (by_segments_) {
      RETURN_IF_ERROR(AnnotateBlame(sender_.Pump(), Attempt("send", action)));
      RETURN_IF_ERROR(Fetch(Range(action.chunk).begin + range.begin + range.elements));
      if (encodes) Encode(action.chunk, range.begin, range.elements);
    }
    sender_.Enqueue(action.peer, header, payload.subspan(range.offset_bytes, range.size_bytes));
  }
  chunk.encoded = chunk.encoded || encodes;
  chunk.rounded = chunk.rounded || encodes;
  log_.PassedOn();
  ++report_->messages_sent;
  report_->bytes_sent[action.peer] += segments.chunk_bytes();
  return AnnotateBlame(sender_.Pump(), Attempt("send", action));
}

// One look at the network says whether the message can go and when it arrives: what is stamped does
// arrive, whatever changes afterwards.
absl::StatusOr<std::vector<SegmentTimes>> ScheduleExecutor::Stamp(const Action& action,
                                                                  std::vector<int64_t> sizes) {
  if (!execution_.emulated) return std::vector<SegmentTimes>(sizes.size());
  OutgoingMessage message{action.peer, clock_->Now(), std::move(sizes), clock_->paced()};
  while (true) {
    ASSIGN_OR_RETURN(std::optional<std::vector<SegmentTimes>> times, network_->Stamp(message));
    if (times.has_value()) return *std::move(times);
    RETURN_IF_ERROR(WaitUntilConnected(action));
    message.handover = clock_->Now();
  }
}

absl::Status ScheduleExecutor::WaitUntilConnected(const Action& action) {
  const absl::Time cut_off = clock_->Now();
  const absl::Time since = MonotonicNow();
  absl::Time now = since;
  do {
    if (now >= execution_.deadline) return PastDeadline("send", action, since, true);
    RETURN_IF_ERROR(AnnotateBlame(Progress(std::min(execution_.deadline, now + kPartitionPoll)),
                                  Attempt("send", action)));
    now = MonotonicNow();
  } while (!network_->Connected(action.peer));
  clock_->Reach(now);
  SegmentWait queueing{cut_off, clock_->Now()};
  queueing.departure.handover = cut_off;
  queueing.departure.egress_start = queueing.end;
  NoteWait(queueing);
  return absl::OkStatus();
}

// The first operand starts the sum. Where this rank's own part is next, received + own is formed in
// place: addition of two operands has the same bits either way round, so the sum is still in rank
// order.
absl::Status ScheduleExecutor::ReceiveReduce(size_t index, bool own_part_next) {
  const Action& action = ActionAt(index);
  Chunk& chunk = chunks_[action.chunk];
  const int64_t begin = Range(action.chunk).begin;
  const bool own_part_first = chunk.state == ChunkState::kOwn && own_part_next;
  if (own_part_first) RETURN_IF_ERROR(RoundOwnPart(action.chunk));
  chunk.encoded = chunk.rounded = false;
  if (own_part_first) chunk.state = ChunkState::kData;
  if (chunk.state != ChunkState::kOwn) {
    // The own part that is next has been added then.
    const bool finishes = Finishes(own_part_first ? index + 1 : index);
    return Receive(action, Sum(action.chunk), Operation::kAdd, finishes);
  }
  chunk.state = ChunkState::kScratch;
  return Receive(action, Scratch() + begin, Operation::kCopy, /*finishes=*/false);
}

void ScheduleExecutor::Apply(const ReceivedSegment& segment, Operation operation,
                             absl::Span<float> out) const {
  const WireFormat& wire = execution_.wire;
  const int64_t granule = wire.granule();
  ForEachPiece(segment, static_cast<size_t>(wire.WireBytes(granule)),
               [this, &out, &wire, granule, operation](const std::byte* in, size_t granules) {
                 const absl::Span<float> some = out.subspan(0, granules * granule);
                 operation == Operation::kCopy ? wire.Decode(in, some) : AddReceived(in, some);
                 out.remove_prefix(some.size());
               });
}

absl::Status ScheduleExecutor::Receive(const Action& action, float* target, Operation operation,
                                       bool finishes) {
  const Segmentation segments = SegmentsOf(action.chunk);
  const int64_t first = Range(action.chunk).begin;
  for (int64_t i = 0; i < segments.count(); ++i) {
    const SegmentRange range = segments.at(i);
    ASSIGN_OR_RETURN(const ReceivedSegment* segment, Await(action));
    RETURN_IF_ERROR(CheckExpected(action, range, *segment));
    // What comes from the accelerator later would overwrite it.
    RETURN_IF_ERROR(Fetch(first + range.begin + range.elements));
    const absl::Span<float> out(target + range.begin, range.elements);
    RETURN_IF_ERROR(WaitReleased(
        action, {reinterpret_cast<const std::byte*>(out.data()), out.size() * sizeof(float)}));
    Apply(*segment, operation, out);
    arrivals_.Pop(action.peer);
    if (!finishes) continue;
    if (operation == Operation::kAdd) execution_.wire.Round(out);
    RETURN_IF_ERROR(GiveBack(first + range.begin, first + range.begin + range.elements));
  }
  if (finishes) MarkReturned(action.chunk);
  clock_->SpendReceiving();
  clock_->SpendCodec(execution_.wire, segments.chunk_elements());
  return absl::OkStatus();
}

// The next segment of the peer, at the time at which the emulated network delivers it.
absl::StatusOr<const ReceivedSegment*> ScheduleExecutor::Await(const Action& action) {
  const absl::Time begin = MonotonicNow();
  WaitTimes wait{clock_->NowOr(begin), begin, begin, begin};
  const auto context = [this, &action] { return Attempt("recv", action); };
  const ReceivedSegment* segment = transport_->Front(action.peer);
  if (segment == nullptr) {
    if (absl::Status status = Progress(absl::InfinitePast()); !status.ok())
      return AnnotateBlame(status, context());
    segment = transport_->Front(action.peer);
  }
  wait.was_there = segment != nullptr;
  while (segment == nullptr) {
    if (transport_->Closed(action.peer)) {
      return AnnotateBlame(Blaming(action.peer, absl::UnavailableError(Where(action))),
                           absl::StrCat(execution_.name, " recv: the peer has left the job"));
    }
    if (MonotonicNow() >= execution_.deadline) return PastReceive(action, begin);
    if (absl::Status status = Progress(execution_.deadline); !status.ok())
      return AnnotateBlame(status, context());
    segment = transport_->Front(action.peer);
  }
  const SegmentTimes& times = segment->header.times;
  if (!wait.was_there) wait.physical = MonotonicNow();
  if (times.last_bit_ns != 0) {
    RETURN_IF_ERROR(Hold(action, arrivals_.AskAt(action.peer)));
    ASSIGN_OR_RETURN(wait.arrival, arrivals_.Arrival(action.peer));
    RETURN_IF_ERROR(Hold(action, wait.arrival));
    clock_->Reach(wait.arrival);
  }
  AccountWait(action.peer, wait, *segment);
  return segment;
}

absl::Status ScheduleExecutor::Hold(const Action& action, absl::Time release) {
  const absl::Time since = MonotonicNow();
  const absl::Time until = std::min(release, execution_.deadline);
  for (absl::Time now = since; now < release; now = MonotonicNow()) {
    if (now >= execution_.deadline) return PastReceive(action, since);
    const absl::Duration left = until - now;
    if (left <= kSpin) continue;
    const bool far = left > kQueueGranularity;
    // The last nap is one sleep: what arrives meanwhile must not make the release late.
    const bool busy = left > kNap + kSpin && (!sender_.idle() || receives_left_ > 0);
    if (far || busy) {
      const absl::Time wake = far ? until - kQueueGranularity : absl::InfinitePast();
      RETURN_IF_ERROR(AnnotateBlame(Progress(wake), Attempt("recv", action)));
    }
    if (!far) SleepUntil(busy ? now + kNap : until - kSpin);
  }
  return absl::OkStatus();
}

void ScheduleExecutor::AccountWait(int peer, const WaitTimes& waited,
                                   const ReceivedSegment& segment) {
  const auto [wanted, begin, physical, arrival, was_there] = waited;
  const SegmentTimes& times = segment.header.times;
  const absl::Time entered = absl::FromUnixNanos(times.entered_ns);
  latest_entry_ = std::max(latest_entry_, entered);
  // Within a host: long ago.
  const absl::Time sent = absl::FromUnixNanos(times.sent_ns);
  const absl::Time there = times.sent_ns == 0 ? absl::InfinitePast() : physical;
  if (times.last_bit_ns == 0) {
    const absl::Time left = std::max(entered, sent);
    SegmentWait plain{begin, std::max(std::clamp(left, begin, physical), there)};
    plain.latest_entry = entered;
    plain.departure.handover = plain.departure.egress_start = left;
    plain.departure.first_bit = plain.departure.last_bit = plain.arrival = left;
    plain.sent = sent;
    plain.there = there;
    NoteWait(plain);
    return;
  }
  const absl::Time end = MonotonicNow();
  const SegmentWait wait{wanted, clock_->NowOr(end), ToDeparture(times), arrival, entered, sent,
                         there};
  NoteWait(wait);
  Delivery delivery;
  delivery.source = peer;
  delivery.bytes = segment.payload_bytes;
  delivery.asked = arrival - wait.departure.handover;
  delivery.realised = end - wait.departure.handover;
  const Departure& way = wait.departure;
  delivery.queueing = (way.egress_start - way.handover) +
                      (arrival - std::max(way.last_bit, way.first_bit + way.ingress));
  delivery.error = end - std::max(arrival, begin);
  delivery.late = !was_there && physical > std::max(arrival, begin);
  delivery.held = times.overshoot_ns != 0;
  delivery.clock_bound = absl::Nanoseconds(times.clock_bound_ns);
  if (arrival > begin) delivery.clock = delivery.clock_bound;
  log_.Add(delivery, begin, arrival, was_there);
}

void ScheduleExecutor::NoteWait(const SegmentWait& wait) {
  if (wait.begin < wait.end) report_->waits.push_back(wait);
}

// Empty memory: until nothing at all is referenced.
absl::Status ScheduleExecutor::WaitReleased(const Action& action,
                                            absl::Span<const std::byte> memory) {
  const auto held = [this, memory] {
    return memory.empty() ? !sender_.idle() : sender_.References(memory);
  };
  if (!held()) return absl::OkStatus();
  const absl::Time since = MonotonicNow();
  const std::string context = absl::StrCat(execution_.name, " send");
  RETURN_IF_ERROR(AnnotateBlame(sender_.Pump(), context));
  while (held()) {
    const absl::Time now = MonotonicNow();
    if (now >= execution_.deadline) return PastDeadline("send", action, since, false);
    RETURN_IF_ERROR(
        AnnotateBlame(Progress(std::min(execution_.deadline, now + kQueueGranularity)), context));
  }
  return absl::OkStatus();
}

absl::Status ScheduleExecutor::Progress(absl::Time until) {
  RETURN_IF_ERROR(transport_->Poll(until));
  return sender_.Pump();
}

}  // namespace edgetp
