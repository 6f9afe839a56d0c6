#include "common/simulate/engine.h"

#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

// Above it, about 1.5 GiB would be under way: an all-to-all of thousands of ranks.
constexpr int64_t kMaxSegmentsInFlight = 8 << 20;

// About every 10 ms.
constexpr int64_t kEventsBetweenStopChecks = 1 << 15;

}  // namespace

TimelineSimulator::Engine::Engine(TimelineOptions options)
    : options_(std::move(options)),
      links_(options_.world_size, options_.network, options_.seed),
      random_(options_.network.Random()),
      follows_trace_(options_.network.FollowsTrace()),
      steps_(options_.world_size),
      states_(options_.world_size),
      events_(options_.world_size),
      segments_(options_.world_size),
      next_messages_(options_.world_size) {
  for (int rank = 0; rank < options_.world_size; ++rank) {
    devices_.push_back(options_.devices.empty() ? DeviceOptions() : OfRank(options_.devices, rank));
    states_[rank].thread = absl::UnixEpoch();
  }
  for (const auto& [link, number] : options_.next_messages) {
    next_messages_[link.first][link.second] = number;
  }
  everybody_ = &GroupOf({});
}

void TimelineSimulator::Engine::SetNetwork(NetworkOptions network) {
  random_ = network.Random();
  follows_trace_ = network.FollowsTrace();
  if (random_) NumberUncountedMessages();
  memo_.Clear();
  links_.SetNetwork(std::move(network));
}

absl::StatusOr<StepTimeline> TimelineSimulator::Engine::RunStep(const StepPlan& plan,
                                                                const ComputeTable& compute,
                                                                TimelineObserver* observer) {
  RETURN_IF_ERROR(Check(plan, compute));
  plan_ = &plan;
  compute_ = &compute;
  observer_ = observer;
  Begin();
  RETURN_IF_ERROR(Drain());
  return Finish();
}

absl::Status TimelineSimulator::Engine::Drain() {
  absl::Time now = absl::InfinitePast();
  while (!events_.empty()) {
    const Event event = events_.Pop();
    if (++counts_.events % kEventsBetweenStopChecks == 0 && options_.stop && options_.stop()) {
      return absl::CancelledError("simulate: stopped");
    }
    if (event.at < now) return absl::InternalError("simulate step: time went backwards");
    now = event.at;
    RETURN_IF_ERROR(event.rank == Event::kNobody ? Reach(event.segment)
                                                 : Resume(event.rank, event.at));
  }
  for (int rank = 0; rank < options_.world_size; ++rank) {
    if (states_[rank].finished) continue;
    return absl::InternalError(absl::StrCat("simulate step: a schedule does not end (rank=", rank,
                                            " algorithm=", states_[rank].schedule->algorithm,
                                            " action=", states_[rank].action, ")"));
  }
  return absl::OkStatus();
}

absl::Status TimelineSimulator::Engine::Resume(int rank, absl::Time now) {
  RankState& state = states_[rank];
  state.local = now;
  if (state.stage == Stage::kEntering) {
    if (!started_together_ && Quiet()) {
      StartTogether(now);
      return absl::OkStatus();
    }
    Enter(rank);
  }
  return Advance(rank, now);
}

void TimelineSimulator::Engine::Enter(int rank) {
  RankState& state = states_[rank];
  --entering_;
  started_together_ = started_together_ && entering_ > 0;
  RecordEntry(rank);
  if (state.place == 0) CountRun(state);
  state.stage = Stage::kInside;
  state.action = 0;
  state.entered = state.latest_entry = state.local;
  state.accounted = absl::ZeroDuration();
  BeforeExchange(rank);
}

void TimelineSimulator::Engine::BeforeExchange(int rank) {
  const RankState& state = states_[rank];
  // A receiver has nothing yet.
  if (state.collective->kind == CollectiveKind::kSend && state.place != 0) return;
  Stage(rank);
  Rotate(rank);
}

void TimelineSimulator::Engine::AfterExchange(int rank) {
  const RankState& state = states_[rank];
  // A sender gets nothing.
  if (state.collective->kind == CollectiveKind::kSend && state.place == 0) return;
  Rotate(rank);
  Stage(rank);
}

void TimelineSimulator::Engine::Stage(int rank) {
  RankState& state = states_[rank];
  const absl::Time begin = state.local;
  state.local += StagingTime(devices_[rank], state.collective->staged_bytes());
  const absl::Duration exposed = state.local - std::clamp(state.thread, begin, state.local);
  // Not a part of what Leave calls software.
  state.accounted += exposed;
  steps_[rank].breakdown.staging += exposed;
}

// Software like that of messages: what Leave makes of it.
void TimelineSimulator::Engine::Rotate(int rank) {
  RankState& state = states_[rank];
  state.local += RotationTime(devices_[rank], state.collective->wire, state.collective->elements);
}

Segmentation TimelineSimulator::Engine::SegmentsOf(const RankState& state,
                                                   const Action& action) const {
  return Segmentation(state.collective->wire, state.schedule->chunks[action.chunk].size(),
                      options_.segment_bytes);
}

// Goes on until the rank must wait, or until its own clock is ahead and others must be heard first.
absl::Status TimelineSimulator::Engine::Advance(int rank, absl::Time now) {
  RankState& state = states_[rank];
  const std::vector<Action>& actions = state.schedule->actions[state.place];
  while (state.action < actions.size()) {
    ASSIGN_OR_RETURN(const bool done, Perform(rank, actions[state.action], now));
    if (!done) return absl::OkStatus();
    ++state.action;
  }
  Leave(rank);
  return absl::OkStatus();
}

// The thread waits since state.thread: what came before ran under its compute.
void TimelineSimulator::Engine::Leave(int rank) {
  RankState& state = states_[rank];
  AfterExchange(rank);
  const absl::Duration overlap =
      std::clamp(state.thread, state.entered, state.local) - state.entered;
  steps_[rank].breakdown.software += state.local - state.entered - overlap - state.accounted;
  if (observer_ != nullptr) {
    observer_->OnCollective(rank, state.entered, state.local, *state.collective);
  }
  RecordLeaving(rank, overlap);
  EndCollective(rank, overlap);
}

absl::StatusOr<bool> TimelineSimulator::Engine::Perform(int rank, const Action& action,
                                                        absl::Time now) {
  // Reduction is part of the software cost of a message.
  if (action.kind == ActionKind::kReduceLocal) return true;
  if (states_[rank].schedule->chunks[action.chunk].size() == 0) return true;
  if (action.kind == ActionKind::kSend) return Send(rank, action, now);
  return Receive(rank, action, now);
}

absl::StatusOr<bool> TimelineSimulator::Engine::Send(int rank, const Action& action,
                                                     absl::Time now) {
  RankState& state = states_[rank];
  const int peer = state.group->members[action.peer];
  if (!links_.network().Connected(rank, peer)) {
    return absl::UnavailableError(absl::StrCat(
        "simulate send: a partition separates the ranks (rank=", rank, " peer=", peer, ")"));
  }
  const Segmentation cut = SegmentsOf(state, action);
  if (!state.prepared) {
    if (EncodesAt(state.schedule->actions[state.place], state.action))
      state.local += CodecTime(devices_[rank], state.collective->wire, cut.chunk_elements());
    state.local +=
        SendingTime(devices_[rank], cut.chunk_bytes(), links_.network().PayloadRate(rank, peer));
  }
  state.prepared = true;
  if (links_.network().SendersShare() && state.local > now) {
    events_.PushRank(state.local, rank);
    return false;
  }
  state.prepared = false;
  if (segments_.in_flight() + cut.count() > kMaxSegmentsInFlight) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "simulate: more than ", kMaxSegmentsInFlight, " segments under way at once (algorithm=",
        state.schedule->algorithm, " world_size=", state.group->size(),
        "); take an algorithm that sends less at once, or larger segments"));
  }
  Handover(rank, peer, cut);
  return true;
}

// A message goes to its link, segment by segment.
void TimelineSimulator::Engine::Handover(int rank, int peer, const Segmentation& cut) {
  const RankState& state = states_[rank];
  uint64_t number = 0;
  Impairment impairment;
  if (random_) {
    number = next_messages_[rank][peer]++;
    impairment = links_.Draw(rank, peer, number, cut.chunk_bytes());
  }
  FlyingSegment segment{rank, peer};
  segment.entered = state.latest_entry;
  segment.flight =
      links_.network().Link(rank, peer).PathDelay() + impairment.jitter + impairment.retransmission;
  MessageSpan span{rank, peer, number, cut.chunk_bytes()};
  for (int64_t i = 0; i < cut.count(); ++i) {
    segment.bytes = cut.at(i).size_bytes;
    segment.departure = links_.Depart(state.local, rank, peer, segment.bytes, impairment);
    events_.PushSegment(segment.departure.first_bit, rank, segments_.Add(segment));
    if (i > 0) continue;
    span.handover = segment.departure.handover;
    span.egress_start = segment.departure.egress_start;
    span.first_bit = segment.departure.first_bit;
  }
  if (observer_ == nullptr) return;
  span.egress_end = segment.departure.egress_end;
  span.last_bit = segment.departure.last_bit;
  observer_->OnMessage(span);
}

// The first bit of a segment is at its receiver: interfaces serve segments in the order of these
// events.
absl::Status TimelineSimulator::Engine::Reach(int id) {
  FlyingSegment& segment = segments_.at(id);
  const Departure& departure = segment.departure;
  segment.arrival = links_.Arrive(segment.source, segment.destination, departure);
  // Told from the link alone, whatever queues did: nothing is received before it was sent.
  const absl::Duration link_time = segment.flight + (departure.egress_end - departure.egress_start);
  if (segment.arrival < departure.handover + link_time) {
    return absl::InternalError(
        absl::StrCat("simulate: a segment arrives before it can (source=", segment.source,
                     " destination=", segment.destination, ")"));
  }
  segments_.Enqueue(id);
  RankState& receiver = states_[segment.destination];
  if (receiver.waiting_for != segment.source) return absl::OkStatus();
  receiver.waiting_for = Event::kNobody;
  events_.PushRank(segment.arrival, segment.destination);
  return absl::OkStatus();
}

// False: the rank will be called again.
bool TimelineSimulator::Engine::Receive(int rank, const Action& action, absl::Time now) {
  RankState& state = states_[rank];
  if (state.local > now) {
    events_.PushRank(state.local, rank);
    return false;
  }
  const int peer = state.group->members[action.peer];
  const Segmentation cut = SegmentsOf(state, action);
  for (; state.segments_taken < cut.count(); ++state.segments_taken) {
    const int id = segments_.Front(peer, rank);
    if (id == SegmentPool::kNone || segments_.at(id).arrival > now) {
      if (!state.wait_begin) state.wait_begin = now;
      if (id == SegmentPool::kNone) {
        state.waiting_for = peer;
      } else {
        events_.PushRank(segments_.at(id).arrival, rank);
      }
      return false;
    }
    Take(rank, segments_.at(id), now);
    segments_.PopFront(peer, rank);
  }
  if (observer_ != nullptr) observer_->OnReceive(peer, rank, now);
  state.segments_taken = 0;
  state.local += devices_[rank].message_overhead +
                 CodecTime(devices_[rank], state.collective->wire, cut.chunk_elements());
  return true;
}

void TimelineSimulator::Engine::Take(int rank, const FlyingSegment& segment, absl::Time now) {
  RankState& state = states_[rank];
  state.latest_entry = std::max(state.latest_entry, segment.entered);
  if (!state.wait_begin) return;
  const absl::Time begin = std::clamp(state.thread, *state.wait_begin, now);
  const TimeBreakdown terms =
      AttributeWait({begin, now, segment.departure, segment.arrival, segment.entered});
  if (observer_ != nullptr) observer_->OnWait(rank, begin, now, terms);
  steps_[rank].breakdown += terms;
  state.accounted += now - begin;
  state.wait_begin.reset();
}

}  // namespace edgetp
