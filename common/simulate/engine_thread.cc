// The ranks' threads: the part of the engine that goes through the lists of a plan.
#include <algorithm>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/simulate/engine.h"

namespace edgetp {

absl::Status TimelineSimulator::Engine::Check(const StepPlan& plan,
                                              const ComputeTable& compute) const {
  const size_t ranks = states_.size();
  if (plan.steps.size() != ranks || compute.size() != ranks) {
    return absl::InvalidArgumentError(absl::StrCat(
        "simulate step: plan and compute must have one list per rank (world_size=", ranks,
        " plan=", plan.steps.size(), " compute=", compute.size(), ")"));
  }
  bool grouped = false;
  for (size_t rank = 0; rank < ranks; ++rank) {
    if (const absl::Status status = CheckHandles(plan.steps[rank]); !status.ok())
      return Annotate(status, absl::StrCat("simulate step (rank=", rank, ")"));
    size_t segments = 1;
    for (const PlanStep& step : plan.steps[rank]) {
      const auto* const entry = std::get_if<CollectiveStep>(&step);
      if (entry == nullptr) continue;
      ++segments;
      grouped = grouped || !entry->group.empty();
    }
    if (compute[rank].size() == segments) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("simulate step: wrong number of compute segments (rank=", rank,
                     " want=", segments, " got=", compute[rank].size(), ")"));
  }
  // Lists that are all the same are the planner's own affair.
  return grouped ? Annotate(CheckGroups(plan), "simulate step") : absl::OkStatus();
}

void TimelineSimulator::Engine::Begin() {
  entering_ = 0;
  started_together_ = false;
  recording_.reset();
  for (int rank = 0; rank < options_.world_size; ++rank) {
    RankState next;
    next.thread = next.local = states_[rank].thread;
    steps_[rank] = {};
    steps_[rank].begin = next.thread;
    states_[rank] = std::move(next);
    Continue(rank);
  }
}

StepTimeline TimelineSimulator::Engine::Finish() {
  absl::Time end = absl::InfinitePast();
  for (int rank = 0; rank < options_.world_size; ++rank) {
    steps_[rank].end = states_[rank].thread;
    end = std::max(end, steps_[rank].end);
  }
  StepTimeline timeline{end - last_end_, steps_};
  last_end_ = end;
  return timeline;
}

// Past the last entry there is one more compute segment, and nothing after it.
void TimelineSimulator::Engine::Continue(int rank) {
  RankState& state = states_[rank];
  while (true) {
    Compute(rank);
    const CollectiveStep* const entry = NextEntry(rank);
    state.finished = entry == nullptr;
    if (state.finished) return;
    if (entry->part != CollectivePart::kWait) Start(rank, *entry);
    if (entry->part == CollectivePart::kStart) continue;
    state.awaited = entry->part == CollectivePart::kWait ? entry->handle : -1;
    if (!Over(state)) return;
    PayForOverlap(rank, state.awaited);
  }
}

void TimelineSimulator::Engine::Compute(int rank) {
  RankState& state = states_[rank];
  const absl::Duration compute = (*compute_)[rank][state.compute_segment];
  if (observer_ != nullptr) {
    observer_->OnCompute(rank, state.thread, state.thread + compute, state.compute_segment);
  }
  ++state.compute_segment;
  state.thread += compute;
  steps_[rank].breakdown.compute += compute;
}

// Null at the end of the list.
const CollectiveStep* TimelineSimulator::Engine::NextEntry(int rank) {
  RankState& state = states_[rank];
  const std::vector<PlanStep>& steps = plan_->steps[rank];
  while (state.plan_step < steps.size() &&
         std::holds_alternative<ComputeStep>(steps[state.plan_step])) {
    ++state.plan_step;
  }
  if (state.plan_step == steps.size()) return nullptr;
  return &std::get<CollectiveStep>(steps[state.plan_step++]);
}

void TimelineSimulator::Engine::Start(int rank, const CollectiveStep& collective) {
  RankState& state = states_[rank];
  const Started started{&collective, state.thread};
  if (state.stage == Stage::kIdle) {
    Launch(rank, started);
  } else {
    state.started.push_back(started);
  }
}

// What is waited for; a blocking collective is waited for until it lets go (EndCollective).
bool TimelineSimulator::Engine::Over(const RankState& state) const {
  return state.awaited >= 0 && state.awaited < static_cast<int64_t>(state.overlaps.size());
}

// Where overlapping is not free, the thread makes up for it when it has waited.
void TimelineSimulator::Engine::PayForOverlap(int rank, int64_t handle) {
  RankState& state = states_[rank];
  const absl::Duration overlap = state.overlaps[handle];
  const absl::Duration cost = OverlapCost(devices_[rank], overlap);
  state.thread += cost;
  steps_[rank].breakdown.software += cost;
  steps_[rank].hidden += overlap - cost;
}

// CheckGroups has said that the rank is in it.
void TimelineSimulator::Engine::Join(int rank, const Group& group) {
  RankState& state = states_[rank];
  state.group = &group;
  state.place = rank;
  if (group.id != everybody_->id) {
    const auto place = std::find(group.members.begin(), group.members.end(), rank);
    state.place = static_cast<int>(place - group.members.begin());
  }
  auto count = std::find_if(state.launched_by_group.begin(), state.launched_by_group.end(),
                            [&group](const auto& entry) { return entry.first == group.id; });
  if (count == state.launched_by_group.end())
    count = state.launched_by_group.insert(count, {group.id, 0});
  state.ordinal = ++count->second;
}

void TimelineSimulator::Engine::Launch(int rank, const Started& started) {
  RankState& state = states_[rank];
  state.collective = started.collective;
  const KnownSchedule& known = Known(KeyOf(*state.collective));
  state.schedule = &known.schedule;
  Join(rank, *known.group);
  state.stage = Stage::kEntering;
  ++state.launched;
  state.local = std::max(state.local, started.at);
  ++entering_;
  events_.PushRank(state.local, rank);
}

// The links are done with a collective at their time: they go on, and so does the thread if that is
// what it has waited for.
void TimelineSimulator::Engine::EndCollective(int rank, absl::Duration overlap) {
  RankState& state = states_[rank];
  const absl::Time end = state.local;
  const bool blocking = state.collective->part == CollectivePart::kBoth;
  if (!blocking) state.overlaps.push_back(overlap);
  state.stage = Stage::kIdle;
  if (!state.started.empty()) {
    Launch(rank, state.started.front());
    state.started.erase(state.started.begin());
  }
  if (!blocking && !Over(state)) return;
  state.thread = std::max(state.thread, end);
  if (!blocking) PayForOverlap(rank, state.awaited);
  Continue(rank);
}

}  // namespace edgetp
