#include "common/simulate/timeline.h"

#include <algorithm>
#include <optional>
#include <queue>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/collective/registry.h"
#include "common/network/link_model.h"
#include "common/simulate/choose_algorithm.h"
#include "common/simulate/segment_pool.h"

namespace edgetp {
namespace {

constexpr int kNobody = -1;

// Either a rank goes on, or the first bit of a segment reaches its receiver.
struct Event {
  absl::Time at;
  uint64_t order;  // of creation: ties are broken the same way every time
  int rank;        // kNobody: a segment
  int segment;
};

struct Later {
  bool operator()(const Event& a, const Event& b) const {
    return a.at != b.at ? a.at > b.at : a.order > b.order;
  }
};

// Where a rank is in its list, and in the collective that it is in.
struct RankState {
  absl::Time local;  // its own clock; ahead of the event's time after work that needs nobody else
  size_t plan_step = 0;
  size_t compute_segment = 0;

  const Schedule* schedule = nullptr;  // null: outside a collective
  const AllReduceStep* collective = nullptr;
  int bytes_per_element = 0;
  size_t action = 0;
  bool prepared = false;       // the software cost of the current send is paid
  int64_t segments_taken = 0;  // of the message that the current action receives
  absl::Time entered;
  absl::Time latest_entry;  // of those whose data this rank has received in this collective
  absl::Duration waited;

  std::optional<absl::Time> wait_begin;
  int waiting_for = kNobody;
};

DeviceOptions DeviceOf(const std::vector<DeviceOptions>& devices, int rank) {
  if (devices.empty()) return {};
  return devices.size() == 1 ? devices.front() : devices[rank];
}

absl::Duration StagingTime(const DeviceOptions& device, int64_t elements) {
  if (device.staging_bytes_per_second == 0) return absl::ZeroDuration();
  return absl::Seconds(static_cast<double>(elements) * sizeof(float) /
                       device.staging_bytes_per_second);
}

}  // namespace

class TimelineSimulator::Engine {
 public:
  explicit Engine(TimelineOptions options)
      : options_(std::move(options)),
        links_(options_.world_size, options_.network, options_.seed),
        steps_(options_.world_size),
        states_(options_.world_size) {
    for (int rank = 0; rank < options_.world_size; ++rank) {
      devices_.push_back(DeviceOf(options_.devices, rank));
      states_[rank].local = absl::UnixEpoch();
    }
    for (const auto& [link, number] : options_.next_messages) {
      next_messages_[Key(link.first, link.second)] = number;
    }
  }

  absl::StatusOr<StepTimeline> RunStep(const StepPlan& plan, const ComputeTable& compute);
  void SetNetwork(NetworkOptions network) { links_.SetNetwork(std::move(network)); }
  const Schedule& ScheduleFor(int64_t elements, int bytes_per_element);

 private:
  static uint64_t Key(int source, int destination) {
    return (static_cast<uint64_t>(source) << 32) | static_cast<uint32_t>(destination);
  }

  absl::Status Check(const StepPlan& plan, const ComputeTable& compute) const;
  void Begin();
  absl::Status Drain();
  StepTimeline Finish();

  void Push(absl::Time at, int rank, int segment) {
    events_.push({at, events_made_++, rank, segment});
  }
  absl::Status Advance(int rank, absl::Time now);
  bool EnterNext(int rank);
  void Leave(int rank);
  absl::StatusOr<bool> Perform(int rank, const Action& action, absl::Time now);
  absl::StatusOr<bool> Send(int rank, const Action& action, absl::Time now);
  bool Receive(int rank, const Action& action, absl::Time now);
  void Take(int rank, const FlyingSegment& segment, absl::Time now);
  void Reach(int segment);

  TimelineOptions options_;
  std::vector<DeviceOptions> devices_;
  LinkModel links_;
  std::vector<RankStep> steps_;
  std::vector<RankState> states_;
  std::priority_queue<Event, std::vector<Event>, Later> events_;
  uint64_t events_made_ = 0;
  SegmentPool segments_;
  absl::flat_hash_map<uint64_t, uint64_t> next_messages_;
  std::map<std::pair<int64_t, int>, Schedule> schedules_;  // by elements and bytes per element
  absl::Time last_end_ = absl::UnixEpoch();
  const StepPlan* plan_ = nullptr;         // of the call
  const ComputeTable* compute_ = nullptr;  // of the call
};

const Schedule& TimelineSimulator::Engine::ScheduleFor(int64_t elements, int bytes_per_element) {
  const auto key = std::make_pair(elements, bytes_per_element);
  const auto found = schedules_.find(key);
  if (found != schedules_.end()) return found->second;
  std::string name = options_.algorithm;
  if (name == "auto") {
    AllReduceProblem problem;
    problem.network = links_.network();
    problem.world_size = options_.world_size;
    problem.elements = elements;
    problem.bytes_per_element = bytes_per_element;
    problem.segment_bytes = options_.segment_bytes;
    problem.message_overhead = devices_.front().message_overhead;
    name = ChooseAlgorithm(problem);
  }
  const Algorithm* algorithm = *FindAlgorithm(name);  // Create has checked the name
  return schedules_.emplace(key, algorithm->build(options_.world_size, elements)).first->second;
}

absl::Status TimelineSimulator::Engine::Check(const StepPlan& plan,
                                              const ComputeTable& compute) const {
  const size_t ranks = states_.size();
  if (plan.steps.size() != ranks || compute.size() != ranks) {
    return absl::InvalidArgumentError(absl::StrCat(
        "simulate step: plan and compute must have one list per rank (world_size=", ranks,
        " plan=", plan.steps.size(), " compute=", compute.size(), ")"));
  }
  for (size_t rank = 0; rank < ranks; ++rank) {
    size_t segments = 1;
    for (const PlanStep& step : plan.steps[rank])
      segments += std::holds_alternative<AllReduceStep>(step);
    if (compute[rank].size() == segments) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("simulate step: wrong number of compute segments (rank=", rank,
                     " want=", segments, " got=", compute[rank].size(), ")"));
  }
  return absl::OkStatus();
}

void TimelineSimulator::Engine::Begin() {
  for (int rank = 0; rank < options_.world_size; ++rank) {
    RankState next;
    next.local = states_[rank].local;
    states_[rank] = next;
    steps_[rank] = {};
    steps_[rank].begin = next.local;
    Push(next.local, rank, SegmentPool::kNone);
  }
}

absl::Status TimelineSimulator::Engine::Drain() {
  while (!events_.empty()) {
    const Event event = events_.top();
    events_.pop();
    if (event.rank == kNobody) {
      Reach(event.segment);
    } else {
      RETURN_IF_ERROR(Advance(event.rank, event.at));
    }
  }
  for (int rank = 0; rank < options_.world_size; ++rank) {
    if (states_[rank].schedule == nullptr) continue;
    return absl::InternalError(absl::StrCat("simulate step: a schedule does not end (rank=", rank,
                                            " algorithm=", states_[rank].schedule->algorithm,
                                            " action=", states_[rank].action, ")"));
  }
  return absl::OkStatus();
}

StepTimeline TimelineSimulator::Engine::Finish() {
  absl::Time end = absl::InfinitePast();
  for (int rank = 0; rank < options_.world_size; ++rank) {
    steps_[rank].end = states_[rank].local;
    end = std::max(end, steps_[rank].end);
  }
  StepTimeline timeline{end - last_end_, steps_};
  last_end_ = end;
  return timeline;
}

absl::StatusOr<StepTimeline> TimelineSimulator::Engine::RunStep(const StepPlan& plan,
                                                                const ComputeTable& compute) {
  RETURN_IF_ERROR(Check(plan, compute));
  plan_ = &plan;
  compute_ = &compute;
  Begin();
  RETURN_IF_ERROR(Drain());
  return Finish();
}

// Computes until the next collective and enters it; false at the end of the list.
bool TimelineSimulator::Engine::EnterNext(int rank) {
  RankState& state = states_[rank];
  const std::vector<PlanStep>& steps = plan_->steps[rank];
  // Past the last collective there is one more compute segment, and nothing after it.
  const auto& durations = (*compute_)[rank];
  if (state.compute_segment == durations.size()) return false;
  const absl::Duration compute = durations[state.compute_segment++];
  state.local += compute;
  steps_[rank].breakdown.compute += compute;
  while (state.plan_step < steps.size() &&
         std::holds_alternative<ComputeStep>(steps[state.plan_step])) {
    ++state.plan_step;
  }
  if (state.plan_step == steps.size()) return false;
  state.collective = &std::get<AllReduceStep>(steps[state.plan_step++]);
  const int64_t elements = state.collective->elements;
  state.bytes_per_element = elements == 0
                                ? int{sizeof(float)}
                                : static_cast<int>(state.collective->wire_bytes / elements);
  state.schedule = &ScheduleFor(elements, state.bytes_per_element);
  state.action = 0;
  state.entered = state.latest_entry = state.local;
  state.waited = absl::ZeroDuration();
  state.local += StagingTime(devices_[rank], elements);
  return true;
}

void TimelineSimulator::Engine::Leave(int rank) {
  RankState& state = states_[rank];
  state.local += StagingTime(devices_[rank], state.collective->elements);
  steps_[rank].breakdown.software += state.local - state.entered - state.waited;
  state.schedule = nullptr;
}

// Goes on until the rank must wait, or until its own clock is ahead and others must be heard first.
absl::Status TimelineSimulator::Engine::Advance(int rank, absl::Time now) {
  RankState& state = states_[rank];
  state.local = now;
  while (state.schedule != nullptr || EnterNext(rank)) {
    const std::vector<Action>& actions = state.schedule->actions[rank];
    while (state.action < actions.size()) {
      ASSIGN_OR_RETURN(const bool done, Perform(rank, actions[state.action], now));
      if (!done) return absl::OkStatus();
      ++state.action;
    }
    Leave(rank);
  }
  return absl::OkStatus();
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
  if (!links_.network().Connected(rank, action.peer)) {
    return absl::UnavailableError(absl::StrCat(
        "simulate send: a partition separates the ranks (rank=", rank, " peer=", action.peer, ")"));
  }
  if (!state.prepared) state.local += devices_[rank].message_overhead;
  state.prepared = true;
  // Only a shared medium makes the order of different senders matter.
  if (links_.network().shared_medium && state.local > now) {
    Push(state.local, rank, SegmentPool::kNone);
    return false;
  }
  state.prepared = false;
  const Segmentation cut(state.schedule->chunks[action.chunk].size(), state.bytes_per_element,
                         options_.segment_bytes);
  uint64_t& number = next_messages_[Key(rank, action.peer)];
  const Impairment impairment = links_.Draw(rank, action.peer, number++, cut.chunk_bytes());
  for (int64_t i = 0; i < cut.count(); ++i) {
    FlyingSegment segment{rank, action.peer};
    segment.departure =
        links_.Depart(state.local, rank, action.peer, cut.at(i).size_bytes, impairment);
    segment.entered = state.latest_entry;
    Push(segment.departure.first_bit, kNobody, segments_.Add(segment));
  }
  return true;
}

// The first bit of a segment is at its receiver: interfaces serve segments in the order of these
// events.
void TimelineSimulator::Engine::Reach(int id) {
  FlyingSegment& segment = segments_.at(id);
  segment.arrival = links_.Arrive(segment.source, segment.destination, segment.departure);
  segments_.Enqueue(id);
  RankState& receiver = states_[segment.destination];
  if (receiver.waiting_for != segment.source) return;
  receiver.waiting_for = kNobody;
  Push(segment.arrival, segment.destination, SegmentPool::kNone);
}

// False: the rank will be called again.
bool TimelineSimulator::Engine::Receive(int rank, const Action& action, absl::Time now) {
  RankState& state = states_[rank];
  if (state.local > now) {
    Push(state.local, rank, SegmentPool::kNone);
    return false;
  }
  const Segmentation cut(state.schedule->chunks[action.chunk].size(), state.bytes_per_element,
                         options_.segment_bytes);
  for (; state.segments_taken < cut.count(); ++state.segments_taken) {
    const int id = segments_.Front(action.peer, rank);
    if (id == SegmentPool::kNone || segments_.at(id).arrival > now) {
      if (!state.wait_begin) state.wait_begin = now;
      if (id == SegmentPool::kNone) {
        state.waiting_for = action.peer;
      } else {
        Push(segments_.at(id).arrival, rank, SegmentPool::kNone);
      }
      return false;
    }
    Take(rank, segments_.at(id), now);
    segments_.PopFront(action.peer, rank);
  }
  state.segments_taken = 0;
  state.local += devices_[rank].message_overhead;
  return true;
}

void TimelineSimulator::Engine::Take(int rank, const FlyingSegment& segment, absl::Time now) {
  RankState& state = states_[rank];
  state.latest_entry = std::max(state.latest_entry, segment.entered);
  if (!state.wait_begin) return;
  steps_[rank].breakdown +=
      AttributeWait({*state.wait_begin, now, segment.departure, segment.arrival, segment.entered});
  state.waited += now - *state.wait_begin;
  state.wait_begin.reset();
}

TimeBreakdown StepTimeline::MeanBreakdown() const {
  TimeBreakdown sum;
  for (const RankStep& rank : ranks) sum += rank.breakdown;
  const auto count = static_cast<int64_t>(ranks.size());
  return {sum.compute / count,       sum.software / count,    sum.queueing / count,
          sum.serialization / count, sum.propagation / count, sum.jitter / count,
          sum.straggler / count};
}

absl::StatusOr<TimelineSimulator> TimelineSimulator::Create(TimelineOptions options) {
  if (options.world_size < 1 || options.segment_bytes < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("simulator: world_size and segment_bytes must be at least 1 (world_size=",
                     options.world_size, " segment_bytes=", options.segment_bytes, ")"));
  }
  const size_t devices = options.devices.size();
  if (devices > 1 && devices != static_cast<size_t>(options.world_size)) {
    return absl::InvalidArgumentError(
        absl::StrCat("simulator: devices must be one for all or one per rank (devices=", devices,
                     " world_size=", options.world_size, ")"));
  }
  if (options.algorithm != "auto") RETURN_IF_ERROR(FindAlgorithm(options.algorithm).status());
  return TimelineSimulator(std::make_unique<Engine>(std::move(options)));
}

TimelineSimulator::TimelineSimulator(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
TimelineSimulator::TimelineSimulator(TimelineSimulator&&) noexcept = default;
TimelineSimulator& TimelineSimulator::operator=(TimelineSimulator&&) noexcept = default;
TimelineSimulator::~TimelineSimulator() = default;

absl::StatusOr<StepTimeline> TimelineSimulator::RunStep(const StepPlan& plan,
                                                        const ComputeTable& compute) {
  return engine_->RunStep(plan, compute);
}

void TimelineSimulator::SetNetwork(NetworkOptions network) {
  engine_->SetNetwork(std::move(network));
}

std::string TimelineSimulator::AlgorithmFor(int64_t elements, int bytes_per_element) {
  return engine_->ScheduleFor(elements, bytes_per_element).algorithm;
}

}  // namespace edgetp
