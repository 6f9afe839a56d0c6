#include "common/advise/limit.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"

namespace edgetp {
namespace {

// Of all ranks' compute, the part that takes as long as its memory traffic, because its arithmetic
// takes less. A calibrated device tells both apart in another way, and has none.
double MemoryBoundShare(const StepPlan& plan, const std::vector<DeviceOptions>& devices) {
  double memory_bound = 0, all = 0;
  for (int rank = 0; rank < plan.world_size; ++rank) {
    const DeviceOptions& device = OfRank(devices, rank);
    if (device.flops_per_second == 0 || device.memory_bytes_per_second == 0) continue;
    for (const PlanStep& step : plan.steps[rank]) {
      const auto* compute = std::get_if<ComputeStep>(&step);
      if (compute == nullptr) continue;
      const double arithmetic = compute->flops / device.flops_per_second;
      const double traffic = compute->bytes_touched / device.memory_bytes_per_second;
      all += std::max(arithmetic, traffic);
      if (traffic > arithmetic && device.elementwise_bytes_per_second == 0) memory_bound += traffic;
    }
  }
  return all > 0 ? memory_bound / all : 0;
}

}  // namespace

absl::StatusOr<StepLimit> LimitOf(const AdviseProblem& problem, const AdvisedResult& result) {
  ASSIGN_OR_RETURN(const SimulateCase run, CaseOf(problem, result.candidate));
  ASSIGN_OR_RETURN(const StrategyPlan strategy, PlanOf(run.forecast, run.strategy));
  const double memory = MemoryBoundShare(strategy.plan, ToDeviceOptions(run.forecast.devices));
  const v1::Breakdown& terms = result.report.breakdown_seconds();
  const std::pair<const char*, double> parts[] = {
      {"compute", (1 - memory) * terms.compute()},
      {"memory rate", memory * terms.compute()},
      {"wire rate", terms.serialization() + terms.queueing()},
      {"delay", terms.propagation() + terms.jitter()},
      {"software", terms.software() + terms.staging()},
      {"slower ranks", terms.straggler()}};
  const auto* largest = std::max_element(
      std::begin(parts), std::end(parts),
      [](const auto& left, const auto& right) { return left.second < right.second; });
  const double step = result.report.mean_step_seconds();
  return StepLimit{largest->first, step > 0 ? largest->second / step : 0};
}

}  // namespace edgetp
