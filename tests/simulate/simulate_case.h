// MiniGPT on boards made by hand, for tests of what `edgetp simulate` reports.
#pragma once

#include <string>

#include "common/simulate/simulate_report.h"

namespace edgetp::testing {

inline v1::DeviceProfile Board(double flops_per_second) {
  v1::DeviceProfile device;
  device.set_name("board");
  device.set_flops_per_second(flops_per_second);
  device.set_message_overhead_us(100);
  return device;
}

// A step has 12 * 64 tokens.
inline SimulateCase MiniGptCase(int workers, const v1::DeviceProfile& device) {
  SimulateCase run;
  run.model = "minigpt";
  run.device = device.name();
  run.run_steps = 2000;
  PlanOptions& plan = run.forecast.plan;
  plan.shape = {.layers = 4, .heads = 4, .channels = 128, .sequence = 64, .vocabulary = 65};
  plan.pattern = Pattern::Parse("tttt", 4).value();
  plan.world_size = workers;
  plan.batch = 12;
  run.forecast.devices = {device};
  run.forecast.seed = 7;
  run.forecast.network.set_name("home");
  run.forecast.network.mutable_link()->set_delay_us(3000);
  run.forecast.network.mutable_link()->set_rate_bits_per_second(3e8);
  return run;
}

// A rank alone, whose step takes that long: nothing but compute.
inline SimulateCase OneRank(v1::DeviceProfile device, double step_seconds) {
  SimulateCase run = MiniGptCase(1, device);
  const StepPlan plan = BuildStepPlan(run.forecast.plan).value();
  double flops = 0;
  for (const PlanStep& step : plan.steps[0])
    flops += std::get<ComputeStep>(step).flops;
  device.set_flops_per_second(flops / step_seconds);
  run.forecast.devices = {device};
  return run;
}

}  // namespace edgetp::testing
