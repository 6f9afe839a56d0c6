// What a step of replicas takes, against closed forms.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "common/plan/data_parallel.h"
#include "common/simulate/compute_cost.h"
#include "tests/simulate/uniform.h"

namespace edgetp {
namespace {

using testing::ExpectNear;
using testing::OneAllReduce;
using testing::RunOnce;
using testing::UniformOptions;

PlanOptions Replica(int workers) {
  PlanOptions options;
  options.pattern = *Pattern::Parse("tttt", 0);
  options.shape = {4, 4, 128, 64, 65, true};
  options.world_size = workers;
  options.batch = 12;
  return options;
}

ComputeTable Compute(const StepPlan& plan) {
  return BuildComputeTable(plan, {DeviceOptions{.flops_per_second = 2e9}});
}

absl::Duration Sum(const std::vector<absl::Duration>& segments) {
  return std::accumulate(segments.begin(), segments.end(), absl::Duration());
}

absl::Duration StepOf(const StepPlan& plan, const TimelineOptions& options) {
  return RunOnce(options, plan, Compute(plan)).duration;
}

TEST(ReplicaStepTest, DataInOneBucketIsComputePlusAnAllReduceOfAllParameters) {
  for (const int workers : {2, 3, 4, 8}) {
    for (const char* algorithm : {"ring", "two_phase", "star"}) {
      const TimelineOptions options = UniformOptions(workers, algorithm);
      const StepPlan plan = *BuildDataPlan(Replica(workers), int64_t{1} << 30);
      const auto parameters = static_cast<int64_t>(plan.parameters[0]);
      ExpectNear(StepOf(plan, options), Sum(Compute(plan)[0]) + OneAllReduce(options, parameters));
    }
  }
}

// Buckets of equal size one after another on the link, each from when its gradients are there or
// the one before is over.
TEST(ReplicaStepTest, BucketsRunUnderTheBackwardPassAsFarAsItLasts) {
  TimelineOptions options = UniformOptions(2, "direct");
  options.network.link.delay = absl::ZeroDuration();
  for (const double rate : {50e6, 300e6, 20e9}) {
    options.network.link.rate_bits_per_second = rate;
    const StepPlan plan = *BuildDataPlan(Replica(2), 64 << 10);
    const ComputeTable compute = Compute(plan);
    absl::Duration now, link_free;
    size_t segment = 0;
    for (const PlanStep& step : plan.steps[0]) {
      const auto* bucket = std::get_if<CollectiveStep>(&step);
      if (bucket == nullptr) continue;
      now += compute[0][segment++];
      if (bucket->part == CollectivePart::kWait) continue;
      link_free = std::max(now, link_free) +
                  absl::Seconds(32.0 * static_cast<double>(bucket->elements) / rate);
    }
    ExpectNear(StepOf(plan, options), std::max(now, link_free) + compute[0].back());
  }
}

TEST(ReplicaStepTest, SmallerBucketsHideMoreWhereTheLinkIsNotTheLimit) {
  const TimelineOptions options = UniformOptions(4, "ring");
  const absl::Duration one = StepOf(*BuildDataPlan(Replica(4), int64_t{1} << 30), options);
  const absl::Duration many = StepOf(*BuildDataPlan(Replica(4), 256 << 10), options);
  EXPECT_LT(many, one);
}

TEST(ReplicaStepTest, ALocalRoundIsItsComputePlusOneAllReduce) {
  constexpr int kInner = 5;
  for (const int workers : {2, 4}) {
    const TimelineOptions options = UniformOptions(workers, "ring");
    const LocalPlans plans = *BuildLocalPlans(Replica(workers));
    const ComputeTable inner = Compute(plans.inner), outer = Compute(plans.outer);
    TimelineSimulator simulator = *TimelineSimulator::Create(options);
    absl::Duration round;
    for (int step = 1; step < kInner; ++step)
      round += simulator.RunStep(plans.inner, inner)->duration;
    round += simulator.RunStep(plans.outer, outer)->duration;
    const auto parameters = static_cast<int64_t>(plans.outer.parameters[0]);
    ExpectNear(round,
               (kInner - 1) * Sum(inner[0]) + Sum(outer[0]) + OneAllReduce(options, parameters));
  }
}

// Ranks that are not alike meet only at the exchange: the slower one's whole round counts.
TEST(ReplicaStepTest, LocalRanksWaitForTheSlowestAtTheExchangeAlone) {
  const TimelineOptions options = UniformOptions(2, "direct");
  const LocalPlans plans = *BuildLocalPlans(Replica(2));
  const std::vector<DeviceOptions> devices = {{.flops_per_second = 2e9}, {.flops_per_second = 1e9}};
  const ComputeTable inner = BuildComputeTable(plans.inner, devices);
  const ComputeTable outer = BuildComputeTable(plans.outer, devices);
  TimelineSimulator simulator = *TimelineSimulator::Create(options);
  for (int step = 0; step < 3; ++step) {
    const StepTimeline timeline = *simulator.RunStep(plans.inner, inner);
    for (int rank = 0; rank < 2; ++rank)
      ExpectNear(timeline.ranks[rank].end - timeline.ranks[rank].begin, Sum(inner[rank]));
  }
  const StepTimeline last = *simulator.RunStep(plans.outer, outer);
  ExpectNear(last.ranks[0].breakdown.straggler,
             3 * (Sum(inner[1]) - Sum(inner[0])) + outer[1][0] - outer[0][0]);
}

}  // namespace
}  // namespace edgetp
