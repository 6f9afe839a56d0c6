// Closed forms of strategies on uniform links and equal devices, derived by hand.
//
// Notation: P ranks, links of delay a, w the time of one message on the wire, m micro-batches,
// f a stage's forward pass, 2 f its backward pass; AR(n) an all-reduce of n elements.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "common/plan/strategy.h"
#include "tests/simulate/uniform.h"

namespace edgetp {
namespace {

using testing::ExpectNear;
using testing::kDelay;
using testing::OneAllReduce;
using testing::OnWire;
using testing::RunOnce;
using testing::UniformOptions;

constexpr int kBatch = 8;
constexpr int kSequence = 64;
constexpr int kChannels = 128;

StrategyOptions Options(const std::string& strategy, int workers, int micro_batches) {
  StrategyOptions options;
  options.plan.shape = {workers, 4, kChannels, kSequence, 65, true, /*tied_head=*/false};
  options.plan.pattern = Pattern::Parse("t*" + std::to_string(workers), workers).value();
  options.plan.world_size = workers;
  options.plan.batch = kBatch;
  options.plan.micro_batches = micro_batches;
  options.strategy = strategy;
  return options;
}

StrategyPlan PlanOf(const StrategyOptions& options) {
  absl::StatusOr<StrategyPlan> plan = BuildStrategyPlan(options);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *std::move(plan);
}

DeviceOptions Device() { return {.flops_per_second = 1e9, .memory_bytes_per_second = 1e10}; }

absl::Duration Sum(const std::vector<absl::Duration>& durations) {
  return std::accumulate(durations.begin(), durations.end(), absl::ZeroDuration());
}

// Nothing but blocks computes: with one layer per stage, whose two modules are two steps, forward
// takes f and backward 2 f.
ComputeTable BlocksAlone(const StepPlan& plan, absl::Duration f) {
  ComputeTable table;
  for (const std::vector<PlanStep>& steps : plan.steps) {
    std::vector<absl::Duration> segments(1);
    for (const PlanStep& step : steps) {
      const auto* compute = std::get_if<ComputeStep>(&step);
      if (compute == nullptr) {
        segments.emplace_back();
      } else if (compute->layer >= 0) {
        segments.back() += compute->phase == Phase::kForward ? f / 2 : f;
      }
    }
    table.push_back(std::move(segments));
  }
  return table;
}

// The last stage ends its last forward pass after P passes and P-1 messages of the first
// micro-batch, and (m-1) times what comes after it: a pass, or a message where that takes longer.
// methods: max(m f, m w) + (P-1) (f + a + w): the same where f >= w, and w - f more where it is
// not.
absl::Duration Direction(int stages, int m, absl::Duration f, absl::Duration w) {
  return stages * f + (stages - 1) * (kDelay + w) + (m - 1) * std::max(f, w);
}

absl::Duration AsInMethods(int stages, int m, absl::Duration f, absl::Duration w) {
  return m * std::max(f, w) + (stages - 1) * (f + kDelay + w);
}

// After the backward pass: the scalar of the gradient's norm, for which all but the first stage
// wait.
TEST(StrategyFormsTest, Gpipe) {
  const absl::Duration w = OnWire(1.0 * kBatch * kSequence * kChannels);
  for (const int stages : {2, 3, 4}) {
    for (const int m : {1, 4, 8}) {
      for (const absl::Duration f : {w / 4, w / 2, w, 3 * w, 10 * w}) {
        StrategyOptions options = Options("pipeline", stages, m);
        options.schedule = PipelineSchedule::kGpipe;
        options.stage_layers.assign(stages, 1);
        const StepPlan plan = PlanOf(options).plan;
        const TimelineOptions uniform = UniformOptions(stages, "direct");
        const absl::Duration step = RunOnce(uniform, plan, BlocksAlone(plan, f)).duration;
        const absl::Duration norm = kDelay + OnWire(1);
        ExpectNear(step, Direction(stages, m, f, w) + Direction(stages, m, 2 * f, w) + norm);
        const absl::Duration methods =
            AsInMethods(stages, m, f, w) + AsInMethods(stages, m, 2 * f, w) + norm;
        const absl::Duration more =
            std::max(absl::ZeroDuration(), w - f) + std::max(absl::ZeroDuration(), w - 2 * f);
        ExpectNear(methods - step, more);
      }
    }
  }
}

// Without delay and with free links it takes as long: what it saves is memory.
TEST(StrategyFormsTest, OneForwardOneBackwardTakesAsLongAsGpipeOnFreeLinks) {
  for (const int stages : {2, 4}) {
    for (const int m : {1, 3, 8}) {
      StrategyOptions options = Options("pipeline", stages, m);
      options.stage_layers.assign(stages, 1);
      const StepPlan plan = PlanOf(options).plan;
      TimelineOptions unlimited;
      unlimited.world_size = stages;
      unlimited.algorithm = "direct";
      const absl::Duration f = absl::Milliseconds(10);
      ExpectNear(RunOnce(unlimited, plan, BlocksAlone(plan, f)).duration, 3 * (m + stages - 1) * f);
    }
  }
}

TEST(StrategyFormsTest, DataInOneBucketIsComputeAndOneAllReduceOfAllParameters) {
  for (const int workers : {2, 3, 4}) {
    StrategyOptions options = Options("data", workers, 2);
    options.bucket_bytes = int64_t{1} << 40;
    const StepPlan plan = PlanOf(options).plan;
    const TimelineOptions uniform = UniformOptions(workers, "two_phase");
    const ComputeTable compute = BuildComputeTable(plan, {Device()});
    ExpectNear(
        RunOnce(uniform, plan, compute).duration,
        Sum(compute[0]) + OneAllReduce(uniform, static_cast<int64_t>(plan.total_parameters)));
  }
}

// Buckets run under the backward pass: never longer, and never shorter than either.
TEST(StrategyFormsTest, DataInBucketsHidesWhatFitsUnderTheBackwardPass) {
  StrategyOptions options = Options("data", 4, 1);
  const TimelineOptions uniform = UniformOptions(4, "ring");
  const auto duration = [&](int64_t bucket_bytes) {
    options.bucket_bytes = bucket_bytes;
    const StepPlan plan = PlanOf(options).plan;
    return RunOnce(uniform, plan, BuildComputeTable(plan, {Device()})).duration;
  };
  options.bucket_bytes = int64_t{1} << 40;
  const StepPlan one = PlanOf(options).plan;
  const absl::Duration compute = Sum(BuildComputeTable(one, {Device()})[0]);
  const absl::Duration whole = duration(int64_t{1} << 40), cut = duration(1 << 20);
  EXPECT_LT(cut, whole);
  EXPECT_GT(cut, compute);
}

// H * compute + AR, and what the outer step computes.
TEST(StrategyFormsTest, LocalIsItsInnerStepsAndOneAllReduceOfAllParameters) {
  StrategyOptions options = Options("one", 3, 2);
  const StepPlan alone = PlanOf(options).plan;
  const absl::Duration inner = Sum(BuildComputeTable(alone, {Device()})[0]);
  options.strategy = "local";
  for (const int steps : {1, 7, 100}) {
    options.inner_steps = steps;
    const StrategyPlan local = PlanOf(options);
    const ComputeTable compute = BuildComputeTable(local.plan, {Device()});
    const TimelineOptions uniform = UniformOptions(3, "direct");
    const absl::Duration reduce =
        OneAllReduce(uniform, static_cast<int64_t>(alone.total_parameters));
    const absl::Duration outer = Sum(compute[0]) - steps * inner;
    EXPECT_GT(outer, absl::ZeroDuration());
    EXPECT_LT(outer, inner);
    ExpectNear(RunOnce(uniform, local.plan, compute).duration, steps * inner + outer + reduce);
  }
}

// Two replicas side by side: each as `tensor`, and one more sum of half of the parameters.
TEST(StrategyFormsTest, AMeshIsItsAxesOneAfterTheOther) {
  StrategyOptions options = Options("tensor", 2, 1);
  options.plan.shape.layers = 4;
  options.plan.pattern = Pattern::Parse("t*4", 4).value();
  const StepPlan tensor = PlanOf(options).plan;
  const absl::Duration step =
      RunOnce(UniformOptions(2, "direct"), tensor, BuildComputeTable(tensor, {Device()})).duration;
  options.plan.world_size = 4;
  options.strategy = "data=2,tensor=2";
  options.bucket_bytes = int64_t{1} << 40;
  const StepPlan mesh = PlanOf(options).plan;
  ExpectNear(
      RunOnce(UniformOptions(4, "direct"), mesh, BuildComputeTable(mesh, {Device()})).duration,
      step + OneAllReduce(UniformOptions(2, "direct"), static_cast<int64_t>(mesh.parameters[0])));
}

// A pipeline of replicas and shards simulates to the end, folded or not.
TEST(StrategyFormsTest, EveryMeshEnds) {
  for (const char* strategy : {"data=2,pipeline=2,tensor=2", "pipeline=4,tensor=2",
                               "tensor=2,pipeline=2,local=2", "pipeline=8"}) {
    StrategyOptions options = Options(strategy, 8, 4);
    options.inner_steps = 2;
    const StepPlan plan = PlanOf(options).plan;
    const ComputeTable compute = BuildComputeTable(plan, {Device()});
    TimelineOptions uniform = UniformOptions(8, "auto");
    const absl::Duration folded = RunOnce(uniform, plan, compute).duration;
    uniform.fold = false;
    EXPECT_EQ(RunOnce(uniform, plan, compute).duration, folded) << strategy;
  }
}

}  // namespace
}  // namespace edgetp
