#include "common/advise/cost.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/simulate/energy.h"
#include "common/simulate/simulate_report.h"

namespace edgetp {
namespace {

constexpr std::pair<const char*, AdviseGoal> kGoals[] = {{"tokens", AdviseGoal::kTokens},
                                                         {"step", AdviseGoal::kStep},
                                                         {"energy", AdviseGoal::kEnergy},
                                                         {"memory", AdviseGoal::kMemory}};

}  // namespace

std::string NameOf(AdviseGoal goal) {
  return std::find_if(std::begin(kGoals), std::end(kGoals),
                      [goal](const auto& row) { return row.second == goal; })
      ->first;
}

std::vector<std::string> AdviseGoalNames() {
  std::vector<std::string> names;
  for (const auto& [name, goal] : kGoals) names.push_back(name);
  return names;
}

absl::StatusOr<AdviseGoal> ParseAdviseGoal(const std::string& text) {
  for (const auto& [name, goal] : kGoals) {
    if (text == name) return goal;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "goal: unknown name \"", text, "\" (known: ", absl::StrJoin(AdviseGoalNames(), ", "), ")"));
}

AdviseCost CostOf(AdviseGoal goal, const AdviseFigures& figures, double step_seconds) {
  const double per_token = step_seconds / figures.tokens;
  switch (goal) {
    case AdviseGoal::kStep:
      return {step_seconds, per_token};
    case AdviseGoal::kEnergy:
      return {(figures.idle_watts * step_seconds + figures.compute_joules) / figures.tokens,
              per_token};
    case AdviseGoal::kMemory:
      return {figures.memory_bytes, per_token};
    case AdviseGoal::kTokens:
      break;
  }
  return {per_token, per_token};
}

AdviseCost CostOf(AdviseGoal goal, const AdviseFigures& figures, const v1::SimulateReport& report) {
  AdviseCost cost = CostOf(goal, figures, report.step_seconds());
  if (goal == AdviseGoal::kEnergy) cost.value = report.energy().joules_per_token();
  return cost;
}

AdviseFigures FiguresOf(const PlannedCandidate& planned, const ComputeTable& compute) {
  const StepPlan& plan = planned.strategy.plan;
  AdviseFigures figures;
  figures.tokens = planned.strategy.tokens_per_step / planned.strategy.updates;
  for (int rank = 0; rank < plan.world_size; ++rank) {
    const v1::DeviceProfile& device = planned.run.forecast.devices[rank];
    figures.memory_bytes = std::max(figures.memory_bytes, UseOn(device, plan, rank).total_bytes());
    const PowerOptions power = ToPowerOptions(device).value_or(PowerOptions());
    figures.idle_watts += power.idle;
    absl::Duration busy;
    for (const absl::Duration segment : compute[rank]) busy += segment;
    figures.compute_joules +=
        (power.busy - power.idle) * absl::ToDoubleSeconds(busy) / planned.strategy.updates;
  }
  return figures;
}

double TokensPerStep(const AdviseProblem& problem) {
  return 1.0 * problem.sequences * problem.base.plan.shape.sequence;
}

absl::Status CheckGoal(const AdviseProblem& problem) {
  std::vector<std::string> faults;
  for (const AdvisedDevices& devices : problem.devices) {
    if (problem.goal == AdviseGoal::kEnergy) {
      const absl::Status power = CheckPower({devices.profile});
      if (!power.ok()) faults.push_back(absl::StrCat("--goal=energy: ", power.message()));
    }
    if (problem.goal == AdviseGoal::kMemory && !devices.profile.has_memory_bytes()) {
      faults.push_back(absl::StrCat("--goal=memory: device ", devices.name,
                                    " does not say how much memory it has: add memory_bytes to its "
                                    "profile"));
    }
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(faults, "\n"));
}

}  // namespace edgetp
