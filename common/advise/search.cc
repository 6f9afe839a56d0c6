#include "common/advise/search.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <queue>

#include "common/advise/bound.h"
#include "common/advise/devices.h"
#include "common/advise/planned.h"
#include "common/base/status_macros.h"
#include "common/network/network_profile.h"
#include "common/simulate/energy.h"
#include "common/simulate/simulate_report.h"

namespace edgetp {
namespace {

// Long steps are simulated less often than a simulation does by itself: a median is soon clear.
constexpr double kWorkOfASimulation = 1.5e5;
constexpr int kFewestRandomSteps = 10;

AdviseCost Unreachable() {
  return {std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
}

double CountOf(const StepPlan& plan) {
  double steps = 0;
  for (const auto& of_rank : plan.steps) steps += static_cast<double>(of_rank.size());
  return steps;
}

// About what one simulated step moves.
double SegmentsOf(const StepPlan& plan, int64_t segment_bytes) {
  double segments = 0;
  ForEachCollective(plan, [&](const CollectiveStep& step) {
    const double ranks =
        step.group.empty() ? plan.world_size : static_cast<double>(step.group.size());
    const double bytes = 2 * (ranks - 1) * static_cast<double>(step.wire_bytes());
    segments += std::max(bytes / static_cast<double>(segment_bytes), 2 * ranks * (ranks - 1));
  });
  return segments;
}

// How many steps of so much work are simulated; absent: `usual`, as a simulation takes by itself.
std::optional<int> FewerSteps(const NetworkOptions& network, int usual, double work) {
  const double steps = kWorkOfASimulation / work;
  if (steps >= usual) return std::nullopt;
  const int fewest = network.Random() || network.FollowsTrace() ? kFewestRandomSteps : 1;
  return std::max(fewest, static_cast<int>(steps));
}

}  // namespace

absl::StatusOr<AdviseSearch> AdviseSearch::Create(AdviseProblem problem, double work) {
  AdviseSearch search(std::move(problem));
  search.limit_ = work;
  RETURN_IF_ERROR(search.Prepare());
  return search;
}

absl::Status AdviseSearch::Prepare() {
  ASSIGN_OR_RETURN(speeds_, DeviceSpeeds(problem_));
  calm_ = CalmNetwork(problem_.base.network);
  space_ = BuildAdviseSpace(problem_, speeds_);
  // Where links are alike, so is what `auto` becomes on them.
  if (!KnowsRanks(problem_.base.network)) problem_.base.choose = chosen_.Chooser();
  for (const AdviseGroup& group : space_.groups) {
    ASSIGN_OR_RETURN(const AdviseCost floor, GroupFloor(group));
    groups_.push_back({group, floor});
  }
  return absl::OkStatus();
}

// Together, devices are at most as fast as the sum of their speeds; and links move at least what the
// simplest layout moves.
absl::StatusOr<AdviseCost> AdviseSearch::GroupFloor(const AdviseGroup& group) {
  double speed = 0;
  AdviseFigures figures;
  figures.tokens = TokensPerStep(problem_);
  double least_compute_joules = std::numeric_limits<double>::infinity();
  for (const int device : group.devices) {
    ASSIGN_OR_RETURN(const double alone, AloneSeconds(device, group.pattern));
    const PowerOptions power =
        ToPowerOptions(problem_.devices[device].profile).value_or(PowerOptions());
    speed += 1 / alone;
    figures.idle_watts += power.idle;
    least_compute_joules = std::min(least_compute_joules, alone * (power.busy - power.idle));
  }
  figures.compute_joules = least_compute_joules;
  ASSIGN_OR_RETURN(const double exchange, ExchangeSeconds(group));
  return CostOf(problem_.goal, figures, kBoundSlack * std::max(1 / speed, exchange));
}

absl::StatusOr<double> AdviseSearch::AloneSeconds(int device, const std::string& pattern) {
  const auto known = alone_.find({device, pattern});
  if (known != alone_.end()) return known->second;
  // In one micro-batch: large ones cost least.
  AdviseCandidate alone = DenseAlone(problem_, device);
  alone.group.pattern = pattern;
  ASSIGN_OR_RETURN(const SimulateCase run, CaseOf(problem_, alone));
  ASSIGN_OR_RETURN(const StepPlan plan, BuildStepPlan(run.forecast.plan));
  work_ += CountOf(plan);
  const ComputeTable compute = BuildComputeTable(plan, ToDeviceOptions(run.forecast.devices));
  const absl::Duration sum =
      std::accumulate(compute[0].begin(), compute[0].end(), absl::ZeroDuration());
  return alone_[{device, pattern}] = std::max(absl::ToDoubleSeconds(sum), 1e-12);
}

absl::StatusOr<double> AdviseSearch::ExchangeSeconds(const AdviseGroup& group) {
  if (group.workers() == 1) return 0;
  const auto key = std::make_tuple(group.strategy.name, group.workers(), group.pattern, group.wire);
  const auto known = exchanges_.find(key);
  if (known != exchanges_.end()) return known->second;
  AdviseCandidate simplest{group, {}, {}};
  simplest.layout.devices = group.devices;
  simplest.layout.batch = problem_.sequences / group.strategy.replicas;
  // Any split: every rank exchanges the same.
  if (group.strategy.shards > 1) simplest.split.assign(group.strategy.shards, 1);
  ASSIGN_OR_RETURN(const SimulateCase run, CaseOf(problem_, simplest));
  ASSIGN_OR_RETURN(const StrategyPlan strategy, PlanOf(run.forecast, run.strategy));
  work_ += CountOf(strategy.plan);
  ASSIGN_OR_RETURN(const NetworkOptions network,
                   ResolveNetwork(run.forecast.network, group.workers()));
  ComputeTable none;
  for (const auto& steps : strategy.plan.steps)
    none.emplace_back(CollectiveEntries(steps).size() + 1, absl::ZeroDuration());
  const absl::Duration floor = StepFloor(strategy.plan, none, network) / strategy.updates;
  return exchanges_[key] = absl::ToDoubleSeconds(floor);
}

absl::StatusOr<std::vector<AdvisedResult>> AdviseSearch::Best(int count, const Wanted& wanted) {
  using Place = std::pair<AdviseCost, size_t>;  // of equal ones, the first group
  std::priority_queue<Place, std::vector<Place>, std::greater<>> queue;
  for (size_t i = 0; i < groups_.size(); ++i) {
    if (wanted(groups_[i].group) && groups_[i].cost != Unreachable())
      queue.push({groups_[i].cost, i});
  }
  std::vector<AdvisedResult> best;
  while (!queue.empty() && static_cast<int>(best.size()) < count) {
    if (problem_.base.stop && problem_.base.stop()) return absl::CancelledError("advise: stopped");
    Group& group = groups_[queue.top().second];
    const size_t index = queue.top().second;
    queue.pop();
    const Leaf* leaf = BestLeaf(&group);
    if (leaf != nullptr && leaf->level == Level::kSimulated) {
      best.push_back({leaf->candidate, leaf->report, leaf->steps});
      continue;
    }
    if (Exhausted()) {
      ++unfinished_;
      KeepSimulated(&group);
    } else {
      RETURN_IF_ERROR(Refine(&group));
    }
    if (group.cost != Unreachable()) queue.push({group.cost, index});
  }
  return best;
}

AdviseSearch::Leaf* AdviseSearch::BestLeaf(Group* group) {
  if (group->leaves.empty()) return nullptr;
  return &*std::min_element(
      group->leaves.begin(), group->leaves.end(),
      [](const Leaf& left, const Leaf& right) { return left.cost < right.cost; });
}

absl::Status AdviseSearch::Refine(Group* group) {
  if (!group->expanded) {
    RETURN_IF_ERROR(Expand(group));
  } else {
    Leaf* const leaf = BestLeaf(group);
    RETURN_IF_ERROR(Annotate(RefineLeaf(leaf), NameOf(leaf->candidate)));
  }
  TakeCost(group);
  return absl::OkStatus();
}

void AdviseSearch::TakeCost(Group* group) {
  const Leaf* best = BestLeaf(group);
  group->cost = best == nullptr ? Unreachable() : best->cost;
}

void AdviseSearch::KeepSimulated(Group* group) {
  group->expanded = true;
  std::erase_if(group->leaves, [](const Leaf& leaf) { return leaf.level != Level::kSimulated; });
  TakeCost(group);
}

absl::Status AdviseSearch::Expand(Group* group) {
  group->expanded = true;
  for (const AdviseLayout& layout : LayoutsOf(problem_, group->group)) {
    ++counts_.candidates;
    RETURN_IF_ERROR(AddLeaf(group, layout));
  }
  return absl::OkStatus();
}

absl::Status AdviseSearch::AddLeaf(Group* group, const AdviseLayout& layout) {
  if (PlannedSteps(problem_, group->group, layout) > kMostPlannedSteps) {
    ++counts_.too_long;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(std::optional<PlannedCandidate> planned,
                   PlanCandidate(problem_, group->group, layout, speeds_));
  if (!planned.has_value()) {
    ++counts_.too_large;
    return absl::OkStatus();
  }
  const StepPlan& plan = planned->strategy.plan;
  const ForecastCase& forecast = planned->run.forecast;
  const double steps = CountOf(plan);
  work_ += steps;
  const ComputeTable compute = BuildComputeTable(plan, ToDeviceOptions(forecast.devices));
  ASSIGN_OR_RETURN(const NetworkOptions network, ResolveNetwork(forecast.network, plan.world_size));
  Leaf leaf{planned->candidate};
  leaf.figures = FiguresOf(*planned, compute);
  const absl::Duration floor = StepFloor(plan, compute, network) / planned->strategy.updates;
  leaf.cost = CostOf(problem_.goal, leaf.figures, kBoundSlack * absl::ToDoubleSeconds(floor));
  leaf.steps = FewerSteps(network, forecast.steps.value_or(ForecastSteps(network)),
                          steps + SegmentsOf(plan, forecast.segment_bytes));
  group->leaves.push_back(std::move(leaf));
  return absl::OkStatus();
}

absl::Status AdviseSearch::RefineLeaf(Leaf* leaf) {
  ASSIGN_OR_RETURN(SimulateCase run, CaseOf(problem_, leaf->candidate));
  if (leaf->level == Level::kBound && calm_.has_value() && run.forecast.plan.world_size > 1)
    return SimulateCalm(std::move(run), leaf);
  return SimulateFully(std::move(run), leaf);
}

absl::Status AdviseSearch::SimulateCalm(SimulateCase run, Leaf* leaf) {
  run.forecast.network = *calm_;
  run.forecast.choose = chosen_calm_.Chooser();
  ASSIGN_OR_RETURN(const StrategyPlan strategy, PlanOf(run.forecast, run.strategy));
  ASSIGN_OR_RETURN(const Forecast result, RunForecast(run.forecast, strategy.plan));
  work_ += static_cast<double>(result.counts.events) + CountOf(strategy.plan);
  counts_.events += static_cast<double>(result.counts.events);
  const double seconds =
      *std::min_element(result.step_seconds.begin(), result.step_seconds.end()) / strategy.updates;
  leaf->cost = std::max(leaf->cost, CostOf(problem_.goal, leaf->figures, kBoundSlack * seconds));
  leaf->level = Level::kCalm;
  return absl::OkStatus();
}

absl::Status AdviseSearch::SimulateFully(SimulateCase run, Leaf* leaf) {
  if (leaf->steps.has_value()) run.forecast.steps = leaf->steps;
  ASSIGN_OR_RETURN(leaf->report, Simulate(run));
  ++counts_.simulated;
  counts_.events += leaf->report.events();
  work_ += leaf->report.events();
  leaf->cost = CostOf(problem_.goal, leaf->figures, leaf->report);
  leaf->level = Level::kSimulated;
  return absl::OkStatus();
}

}  // namespace edgetp
