#include "common/simulate/strategy_case.h"

#include "common/simulate/energy.h"

namespace edgetp {

absl::StatusOr<StrategyPlan> PlanOf(const ForecastCase& forecast,
                                    const std::optional<StrategyOptions>& strategy) {
  StrategyOptions options = strategy.value_or(StrategyOptions());
  options.plan = forecast.plan;
  options.speeds.clear();
  if (forecast.devices.size() > 1) {
    for (const v1::DeviceProfile& device : forecast.devices)
      options.speeds.push_back(device.flops_per_second());
  }
  return BuildStrategyPlan(options);
}

ForecastCase OfPlan(ForecastCase forecast, const StrategyPlan& strategy) {
  forecast.plan.world_size = strategy.plan.world_size;
  forecast.plan.pattern = strategy.pattern;
  if (forecast.devices.size() > strategy.plan.steps.size())
    forecast.devices.resize(strategy.plan.steps.size());
  return forecast;
}

void PerUpdate(int updates, Forecast* forecast) {
  if (updates == 1) return;
  for (double& seconds : forecast->step_seconds) seconds /= updates;
  for (TimeBreakdown& rank : forecast->ranks) rank = rank / updates;
  forecast->hidden /= updates;
  if (forecast->energy.has_value()) Divide(updates, &*forecast->energy);
  forecast->bytes_on_the_wire_per_rank /= updates;
}

}  // namespace edgetp
