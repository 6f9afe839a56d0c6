// Small problems for the tests of `edgetp advise`, and the answer by simulating everything.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "common/advise/cost.h"
#include "common/advise/planned.h"
#include "common/advise/search.h"
#include "common/simulate/simulate_report.h"

namespace edgetp::testing {

inline v1::DeviceProfile Board(const std::string& name, double flops_per_second,
                               double memory_bytes) {
  v1::DeviceProfile device;
  device.set_name(name);
  device.set_flops_per_second(flops_per_second);
  device.set_memory_bytes(memory_bytes);
  device.set_message_overhead_us(100);
  device.set_watts(flops_per_second / 1e9);
  device.set_watts_idle(flops_per_second / 4e9);
  return device;
}

// Two slow boards and a fast one, a tiny model, links that make neither one nor all a matter of
// course.
inline AdviseProblem TinyProblem() {
  AdviseProblem problem;
  problem.model = "tiny";
  problem.base.plan.shape = {
      .layers = 3, .heads = 4, .channels = 32, .sequence = 16, .vocabulary = 65};
  problem.base.network.set_name("home");
  problem.base.network.mutable_link()->set_delay_us(200);
  problem.base.network.mutable_link()->set_rate_bits_per_second(1e8);
  problem.devices = {{"slow", Board("slow", 1e9, 1e9), 2}, {"fast", Board("fast", 2e9, 1e9), 1}};
  problem.sequences = 4;
  return problem;
}

// A group of all devices that share each tensor.
inline AdviseGroup TensorGroup(std::vector<int> devices, const std::string& pattern = "t*3",
                               const std::string& wire = "fp32") {
  const auto shards = static_cast<int>(devices.size());
  return {{.name = "tensor", .shards = shards}, std::move(devices), pattern, wire};
}

inline AdviseLayout WholeBatch(const AdviseProblem& problem, const AdviseGroup& group) {
  return {.devices = group.devices, .batch = problem.sequences / group.strategy.replicas};
}

// Every layout of every group, simulated: the costs of the groups, the best first.
inline std::vector<AdviseCost> Exhaustive(AdviseProblem problem) {
  problem.base.choose = AlgorithmMemo().Chooser();
  const std::vector<double> speeds = DeviceSpeeds(problem).value();
  std::vector<AdviseCost> costs;
  for (const AdviseGroup& group : BuildAdviseSpace(problem, speeds).groups) {
    std::optional<AdviseCost> best;
    for (const AdviseLayout& layout : LayoutsOf(problem, group)) {
      const auto planned = PlanCandidate(problem, group, layout, speeds);
      EXPECT_TRUE(planned.ok()) << planned.status();
      if (!planned->has_value()) continue;
      const auto report = Simulate((*planned)->run);
      EXPECT_TRUE(report.ok()) << report.status();
      const ComputeTable compute = BuildComputeTable(
          (*planned)->strategy.plan, ToDeviceOptions((*planned)->run.forecast.devices));
      const AdviseCost cost = CostOf(problem.goal, FiguresOf(**planned, compute), *report);
      if (!best.has_value() || cost < *best) best = cost;
    }
    if (best.has_value()) costs.push_back(*best);
  }
  std::sort(costs.begin(), costs.end());
  return costs;
}

}  // namespace edgetp::testing
