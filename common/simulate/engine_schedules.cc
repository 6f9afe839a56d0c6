// Groups and schedules: the part of the engine that knows what a collective's ranks do.
#include <utility>

#include "common/collective/registry.h"
#include "common/collective/rooted.h"
#include "common/network/network_of_ranks.h"
#include "common/simulate/engine.h"
#include "common/simulate/simulated_run.h"

namespace edgetp {

const TimelineSimulator::Engine::Group& TimelineSimulator::Engine::GroupOf(
    const std::vector<int>& ranks) {
  if (ranks.empty() && everybody_ != nullptr) return *everybody_;
  const auto [found, is_new] = groups_.try_emplace(ranks);
  Group& group = found->second;
  if (!is_new) return group;
  group.id = static_cast<int>(groups_by_id_.size());
  group.members = ranks;
  for (int rank = 0; ranks.empty() && rank < options_.world_size; ++rank)
    group.members.push_back(rank);
  groups_by_id_.push_back(&group);
  return group;
}

std::string TimelineSimulator::Engine::ChosenName(const ScheduleKey& key,
                                                  const Group& group) const {
  AllReduceProblem problem = ProblemOf(options_);
  problem.network = links_.network();
  problem.elements = key.elements;
  problem.wire = key.wire;
  if (group.id != everybody_->id) {
    problem.network = NetworkOfRanks(problem.network, group.members);
    problem.world_size = group.size();
    if (!options_.devices.empty()) problem.device = OfRank(options_.devices, group.members.front());
  }
  return options_.choose ? options_.choose(problem) : ChooseAlgorithm(problem);
}

std::string TimelineSimulator::Engine::AllReduceName(const ScheduleKey& key, const Group& group) {
  if (options_.algorithm != "auto") return options_.algorithm;
  const bool alike = AllRanksAlike(links_.network()) && options_.devices.size() <= 1;
  const ChoiceKey choice{alike ? 0 : group.id, group.size(), key.elements, key.wire};
  const auto found = choices_.find(choice);
  if (found != choices_.end()) return found->second;
  return choices_[choice] = ChosenName(key, group);
}

Schedule TimelineSimulator::Engine::Build(const ScheduleKey& key, const Group& group) {
  const int64_t granule = key.wire.granule();
  switch (key.kind) {
    case CollectiveKind::kSend:
    case CollectiveKind::kBroadcast:
      return BuildBroadcast(group.size(), key.elements, granule);
    case CollectiveKind::kGather:
      return BuildGather(group.size(), key.elements, granule);
    case CollectiveKind::kBroadcastMissing:
      return BuildBroadcastMissing(group.size(), key.elements, granule);
    case CollectiveKind::kAllReduce:
      break;
  }
  // Create has checked the name.
  const Algorithm* algorithm = *FindAlgorithm(AllReduceName(key, group));
  return algorithm->build(group.size(), key.elements, granule,
                          SliceElements(key.wire, options_.slice_bytes));
}

TimelineSimulator::Engine::KnownSchedule& TimelineSimulator::Engine::Known(const ScheduleKey& key) {
  const auto found = schedules_.find(key);
  if (found != schedules_.end()) return found->second;
  const Group& group = *groups_by_id_[key.group];
  KnownSchedule known{Build(key, group), &group};
  for (const std::vector<Action>& actions : known.schedule.actions) {
    for (const Action& action : actions) {
      const int64_t size =
          action.kind == ActionKind::kSend ? known.schedule.chunks[action.chunk].size() : 0;
      const Segmentation cut(key.wire, size, options_.segment_bytes);
      known.segments += cut.count();
      known.bytes_sent += static_cast<double>(cut.chunk_bytes());
    }
  }
  return schedules_.emplace(key, std::move(known)).first->second;
}

}  // namespace edgetp
