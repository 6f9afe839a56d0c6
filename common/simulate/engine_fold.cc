// Folding of identical collectives: the part of the engine that decides when an outcome from before
// is the outcome now.
#include <algorithm>

#include "common/simulate/engine.h"

namespace edgetp {

// All ranks are about to enter a collective, each with its whole group, and no segment is under way.
bool TimelineSimulator::Engine::Quiet() const {
  const auto ranks = static_cast<size_t>(options_.world_size);
  // The event of the first rank has been taken out.
  if (entering_ != options_.world_size || events_.size() + 1 != ranks) return false;
  if (segments_.in_flight() != 0) return false;
  // A sender may be ahead of its receiver: the first of each group looks for all others.
  size_t met = 0;
  for (const RankState& first : states_) {
    if (first.place != 0) continue;
    for (const int member : first.group->members) {
      const RankState& state = states_[member];
      if (state.group != first.group || state.ordinal != first.ordinal) return false;
      ++met;
    }
  }
  return met == ranks;
}

// Ranks that enter at the same time do so in the order of their numbers, whatever came before:
// folded or simulated, what follows is the same.
void TimelineSimulator::Engine::StartTogether(absl::Time now) {
  events_.Clear();
  if (FoldOrRecord(now)) return;
  started_together_ = true;
  for (int rank = 0; rank < options_.world_size; ++rank) {
    events_.PushRank(states_[rank].local, rank);
  }
}

// True if the ranks have left the collective again.
bool TimelineSimulator::Engine::FoldOrRecord(absl::Time now) {
  if (!options_.fold || random_ || follows_trace_ || observer_ != nullptr) return false;
  // A queue that is free by now is as good as one that was never used.
  if (links_.busy_until() > now) return false;
  // What follows the last collective of a list is known only to the next call.
  for (int rank = 0; rank < options_.world_size; ++rank) {
    if (states_[rank].compute_segment + 1 == (*compute_)[rank].size()) return false;
  }
  std::optional<CollectiveKey> key = RoundKey(now);
  if (!key.has_value()) return false;
  if (const CollectiveOutcome* outcome = memo_.Find(*key)) return Apply(*outcome, now);
  if (memo_.full()) return false;
  recording_.emplace();
  recording_->key = *std::move(key);
  for (const RankState& state : states_) recording_->launched.push_back(state.launched);
  recording_->base = now;
  recording_->before.resize(states_.size());
  recording_->outcome.ranks.resize(states_.size());
  return false;
}

// Nothing where the ranks of a group do not enter the same.
std::optional<CollectiveKey> TimelineSimulator::Engine::RoundKey(absl::Time now) const {
  CollectiveKey key;
  bool overlaps = false;
  for (const RankState& state : states_) {
    const CollectiveStep& collective = *state.collective;
    const CollectiveStep& first = *states_[state.group->members.front()].collective;
    if (collective.kind != first.kind || collective.elements != first.elements ||
        collective.wire != first.wire || collective.part != first.part)
      return std::nullopt;
    if (state.place == 0)
      key.collectives.push_back(
          {state.group->id, collective.kind, collective.elements, collective.wire});
    overlaps = overlaps || collective.part != CollectivePart::kBoth;
    key.entries.push_back(state.local - now);
  }
  for (const RankState& state : states_) {
    if (overlaps) key.waits.push_back(state.thread - now);
  }
  return key;
}

// Only if nobody would enter the next collective before this one is over.
bool TimelineSimulator::Engine::Apply(const CollectiveOutcome& outcome, absl::Time now) {
  for (int rank = 0; rank < options_.world_size; ++rank) {
    const RankState& state = states_[rank];
    const absl::Duration left = outcome.ranks[rank].left;
    const absl::Duration next =
        state.started.empty()
            ? std::max(left, state.thread - now) + (*compute_)[rank][state.compute_segment]
            : std::max(left, state.started.front().at - now);
    if (next <= outcome.quiet) return false;
  }
  for (const RankState& state : states_) {
    if (state.place != 0) continue;
    CountRun(state);
    ++counts_.folded;
  }
  for (const int rank : outcome.leaving_order) {
    states_[rank].local = now + outcome.ranks[rank].left;
    steps_[rank].breakdown += outcome.ranks[rank].terms;
    --entering_;
    EndCollective(rank, outcome.ranks[rank].overlap);
  }
  return true;
}

void TimelineSimulator::Engine::RecordEntry(int rank) {
  if (!recording_) return;
  if (states_[rank].launched != recording_->launched[rank]) {
    recording_.reset();  // somebody is ahead: the two collectives may meet on a link
    return;
  }
  recording_->before[rank] = steps_[rank].breakdown;
}

void TimelineSimulator::Engine::RecordLeaving(int rank, absl::Duration overlap) {
  if (!recording_) return;
  CollectiveOutcome& outcome = recording_->outcome;
  outcome.ranks[rank] = {states_[rank].local - recording_->base,
                         steps_[rank].breakdown - recording_->before[rank], overlap};
  outcome.leaving_order.push_back(rank);
  if (outcome.leaving_order.size() != states_.size()) return;
  outcome.quiet = links_.busy_until() - recording_->base;
  for (const CollectiveOutcome::Rank& left : outcome.ranks) {
    outcome.quiet = std::max(outcome.quiet, left.left);
  }
  memo_.Add(std::move(recording_->key), std::move(outcome));
  recording_.reset();
}

// The numbers of messages matter to random networks alone; others count schedules.
void TimelineSimulator::Engine::CountRun(const RankState& state) {
  ++counts_.collectives;
  if (random_) return;
  ++Known(KeyOf(*state.collective)).uncounted_runs;
}

void TimelineSimulator::Engine::NumberUncountedMessages() {
  for (auto& [key, known] : schedules_) {
    if (known.uncounted_runs == 0) continue;
    const std::vector<int>& members = known.group->members;
    for (size_t rank = 0; rank < members.size(); ++rank) {
      for (const Action& action : known.schedule.actions[rank]) {
        if (action.kind != ActionKind::kSend) continue;
        if (known.schedule.chunks[action.chunk].size() == 0) continue;
        next_messages_[members[rank]][members[action.peer]] += known.uncounted_runs;
      }
    }
    known.uncounted_runs = 0;
  }
}

}  // namespace edgetp
