// The networks of the simulator's tests, a uniform one and a rough one, and what a run takes on
// them.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "common/simulate/timeline.h"
#include "tests/simulate/plans.h"

namespace edgetp::testing {

inline constexpr absl::Duration kDelay = absl::Milliseconds(3);
inline constexpr double kRate = 300e6;
inline constexpr int64_t kElements = 840 * 256;  // every world size up to 8 divides it evenly
inline constexpr absl::Duration kExact = absl::Microseconds(1);

inline absl::Duration OnWire(double elements) { return absl::Seconds(8 * 4 * elements / kRate); }

inline TimelineOptions UniformOptions(int world_size, const std::string& algorithm) {
  TimelineOptions options;
  options.world_size = world_size;
  options.network.link.delay = kDelay;
  options.network.link.rate_bits_per_second = kRate;
  options.algorithm = algorithm;
  return options;
}

inline StepTimeline RunOnce(const TimelineOptions& options, const StepPlan& plan,
                            const ComputeTable& compute) {
  return TimelineSimulator::Create(options)->RunStep(plan, compute).value();
}

inline absl::Duration OneAllReduce(const TimelineOptions& options, int64_t elements = kElements) {
  const StepPlan plan = AllReducePlan(options.world_size, {elements});
  return RunOnce(options, plan, NoCompute(plan)).duration;
}

inline void ExpectNear(absl::Duration got, absl::Duration want) {
  EXPECT_LE(absl::AbsDuration(got - want), kExact) << "got " << got << " want " << want;
}

// A rough network: everything at once.
inline TimelineOptions RoughOptions(int world_size, const std::string& algorithm, uint64_t seed) {
  TimelineOptions options = UniformOptions(world_size, algorithm);
  options.seed = seed;
  options.network.link.jitter = absl::Milliseconds(2);
  options.network.link.distribution = JitterDistribution::kPareto;
  options.network.link.correlation = 0.2;
  options.network.link.loss = 1e-4;
  options.network.shared_medium = seed % 2 == 1;
  options.segment_bytes = 64 * 1024;
  DeviceOptions device;
  device.message_overhead = absl::Microseconds(40);
  options.devices = {device};
  return options;
}

inline ComputeTable UnevenCompute(const StepPlan& plan) {
  ComputeTable compute = NoCompute(plan);
  for (size_t rank = 0; rank < compute.size(); ++rank) {
    for (size_t i = 0; i < compute[rank].size(); ++i)
      compute[rank][i] = absl::Microseconds(700 * rank + 300 * i);
  }
  return compute;
}

}  // namespace edgetp::testing
