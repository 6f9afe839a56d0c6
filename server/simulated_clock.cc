#include "server/simulated_clock.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/network/network_profile.h"
#include "common/simulate/simulated_run.h"

namespace edgetp {
namespace {

// A worker's word; sums of so much stay durations.
constexpr float kMaxSegmentSeconds = 1e6;

bool CutsOff(const NetworkOptions& network) {
  const std::set<int> groups(network.partition_group.begin(), network.partition_group.end());
  return groups.size() > 1;
}

}  // namespace

absl::Status SimulatedClock::Charge(const std::vector<v1::StepReport>& reports,
                                    NetworkSchedule* schedule, v1::StepRecord* record) {
  ASSIGN_OR_RETURN(NetworkOptions network, ResolveNetwork(schedule->current(), config_.workers()));
  if (!simulator_.has_value()) RETURN_IF_ERROR(Prepare(network));
  const size_t kind = plans_->IndexOf(record->step());
  const StepPlan& plan = plans_->all()[kind];
  ASSIGN_OR_RETURN(const ComputeTable* const compute, Compute(reports, kind));
  absl::Duration waited;
  const bool meets = compute->front().size() > 1;  // in a collective
  if (meets && CutsOff(network)) {
    ASSIGN_OR_RETURN(waited, AwaitConnected(record->step(), *compute, schedule));
    ASSIGN_OR_RETURN(network, ResolveNetwork(schedule->current(), config_.workers()));
  }
  if (const std::string& name = schedule->current().name(); name != network_) {
    simulator_->SetNetwork(std::move(network));
    network_ = name;
  }
  ASSIGN_OR_RETURN(StepTimeline timeline, simulator_->RunStep(plan, boards_->Compute(*compute)));
  now_ += waited + timeline.duration;
  std::vector<TimeBreakdown> ranks;
  for (RankStep& rank : timeline.ranks) {
    rank.breakdown.queueing += waited;
    ranks.push_back(rank.breakdown);
  }
  if (const auto energy = boards_->Pass(ranks); energy.has_value())
    *record->mutable_energy() = *energy;
  record->set_host_seconds(record->wall_seconds());
  record->set_wall_seconds(absl::ToDoubleSeconds(now_ - absl::UnixEpoch()));
  record->set_step_seconds(timeline.MeanSeconds() + absl::ToDoubleSeconds(waited));
  *record->mutable_breakdown_seconds() = ToProto(timeline.MeanBreakdown());
  record->set_hidden_seconds(absl::ToDoubleSeconds(timeline.MeanHidden()));
  record->set_network(network_);
  return absl::OkStatus();
}

absl::Status SimulatedClock::Prepare(const NetworkOptions& network) {
  ASSIGN_OR_RETURN(plans_, RunPlans::Build(config_));
  devices_ = DeviceOptionsOf(config_);
  compute_.resize(plans_->all().size());
  for (size_t kind = 0; kind < compute_.size() && !devices_.empty(); ++kind)
    compute_[kind] = BuildComputeTable(plans_->all()[kind], devices_);
  boards_.emplace(DevicesOf(config_), config_.workers());
  TimelineOptions timeline = ToTimelineOptions(config_, network);
  timeline.network.partition_group.clear();  // `auto` chooses for the time after it
  ASSIGN_OR_RETURN(simulator_, TimelineSimulator::Create(std::move(timeline)));
  return absl::OkStatus();
}

absl::StatusOr<const ComputeTable*> SimulatedClock::Compute(
    const std::vector<v1::StepReport>& reports, size_t kind) {
  ComputeTable& compute = compute_[kind];
  if (!devices_.empty()) return &compute;
  const StepPlan& plan = plans_->all()[kind];
  compute.assign(reports.size(), {});
  for (size_t rank = 0; rank < reports.size(); ++rank) {
    const auto& measured = reports[rank].compute_seconds();
    const int want = static_cast<int>(CollectiveEntries(plan.steps[rank]).size()) + 1;
    if (measured.size() != want) {
      return absl::InternalError(
          absl::StrCat("measured compute segments do not fit the plan (rank=", rank, " want=", want,
                       " got=", measured.size(), ")"));
    }
    for (const float seconds : measured) {
      if (!(seconds >= 0 && seconds <= kMaxSegmentSeconds)) {
        return absl::InvalidArgumentError(
            absl::StrCat("invalid measured compute; must be finite and >= 0 (rank=", rank,
                         " seconds=", seconds, ")"));
      }
      compute[rank].push_back(absl::Seconds(seconds));
    }
  }
  return &compute;
}

// Ranks compute until their first collective, partition or not.
absl::StatusOr<absl::Duration> SimulatedClock::AwaitConnected(int step, const ComputeTable& compute,
                                                              NetworkSchedule* schedule) {
  absl::Duration computing = absl::InfiniteDuration();
  for (const auto& segments : compute) computing = std::min(computing, segments.front());
  const absl::Duration patience =
      computing + absl::Seconds(config_.collective().deadline_seconds());
  absl::Duration passed;
  while (true) {
    ASSIGN_OR_RETURN(const NetworkOptions network,
                     ResolveNetwork(schedule->current(), config_.workers()));
    if (!CutsOff(network)) break;
    const std::optional<absl::Duration> next = schedule->NextChange(now_ + passed);
    if (!next.has_value() || passed + *next > patience) {
      return absl::DeadlineExceededError(absl::StrCat(
          "all_reduce send: link is partitioned (step=", step,
          " waited_ms=", absl::ToInt64Milliseconds(patience - computing), ", simulated)"));
    }
    passed += *next;
    schedule->Advance(now_ + passed);
  }
  return std::max(absl::ZeroDuration(), passed - computing);
}

}  // namespace edgetp
