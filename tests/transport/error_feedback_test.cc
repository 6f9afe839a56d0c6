// What encoding takes away comes with the next message: on the average nothing is lost.
#include "worker/collective/error_feedback.h"

#include <cmath>

#include "tests/data/tensor_collector.h"
#include "tests/transport/local_cluster.h"

namespace edgetp {
namespace {

constexpr int64_t kCount = 200;
constexpr CollectiveTag kGradient = {TrafficClass::kGradSync, Phase::kOptimizer, -1};

CollectiveGroupOptions Options(const std::string& algorithm, const std::string& wire) {
  CollectiveGroupOptions options;
  options.choose = FixedAlgorithm(algorithm);
  options.wire_grad_sync = wire;
  options.feedback_grad_sync = true;
  return options;
}

// Sums the same values in so many steps. Result: the largest distance of the mean sum from the
// right one, of any element. `started`: they run under compute.
double BiasAfter(int steps, const CollectiveGroupOptions& options, int first_step = 0,
                 bool started = false) {
  constexpr int kWorldSize = 3;
  LocalCluster cluster(kWorldSize);
  std::vector<double> bias(kWorldSize);
  ExpectAllOk(cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
    std::vector<double> mean(kCount);
    CollectiveStep planned = {kGradient, kCount, group.WireOf(kGradient.traffic)};
    planned.part = started ? CollectivePart::kStart : CollectivePart::kBoth;
    planned.handle = 0;
    std::vector<CollectiveStep> plan = {planned};
    planned.part = CollectivePart::kWait;
    if (started) plan.push_back(planned);
    for (int step = 0; step < steps; ++step) {
      std::vector<float> data = TestValues(group.rank(), kCount);
      group.BeginStep(first_step < 0 ? first_step : step, plan);
      absl::Status status = started ? group.Start(kGradient, absl::MakeSpan(data)).status()
                                    : group.AllReduce(kGradient, absl::MakeSpan(data));
      if (status.ok() && started) status = group.Wait(0);
      if (status.ok()) status = group.EndStep();
      if (!status.ok()) return status;
      for (int64_t i = 0; i < kCount; ++i) mean[i] += data[i] / steps;
    }
    for (int64_t i = 0; i < kCount; ++i) {
      double want = 0;
      for (int rank = 0; rank < kWorldSize; ++rank) want += TestValues(rank, kCount)[i];
      bias[group.rank()] = std::max(bias[group.rank()], std::abs(mean[i] - want));
    }
    return absl::OkStatus();
  }));
  EXPECT_EQ(bias[0], bias[1]);
  EXPECT_EQ(bias[0], bias[2]);
  return bias[0];
}

TEST(ErrorFeedbackTest, TheMeanOfManyStepsIsTheSum) {
  for (const std::string algorithm : {"direct", "two_phase", "star"}) {
    for (const std::string wire : {"int4", "mxfp4", "int4+hadamard"}) {
      const double once = BiasAfter(1, Options(algorithm, wire));
      EXPECT_GT(once, 10) << algorithm << " " << wire;
      EXPECT_LT(BiasAfter(64, Options(algorithm, wire)), once / 16) << algorithm << " " << wire;
      CollectiveGroupOptions without = Options(algorithm, wire);
      without.feedback_grad_sync = false;
      EXPECT_NEAR(BiasAfter(64, without), once, 1e-3) << algorithm << " " << wire;
    }
  }
}

TEST(ErrorFeedbackTest, StepsThatAreNoTrainingNeitherTakeNorLeaveAnything) {
  const CollectiveGroupOptions options = Options("direct", "int4");
  EXPECT_NEAR(BiasAfter(8, options, /*first_step=*/-1), BiasAfter(1, options), 1e-3);
}

TEST(ErrorFeedbackTest, WhatRunsUnderComputeIsFedBackAsWell) {
  const CollectiveGroupOptions options = Options("two_phase", "int4+hadamard");
  EXPECT_EQ(BiasAfter(8, options, 0, /*started=*/true), BiasAfter(8, options));
}

// What each rank has after so many steps of two collectives, the first of which is fed back or not.
// Continued ones begin with what `kept` holds, which gets what they leave.
std::vector<float> SumAfter(int first_step, int steps, int world_size, bool feeds_activations,
                            std::vector<NamedTensor>* kept) {
  CollectiveGroupOptions options = Options("two_phase", "int4");
  options.wire_forward = "int8:g32";
  options.feedback_activations = feeds_activations;
  constexpr CollectiveTag kForward = {TrafficClass::kActivationForward, Phase::kForward, 0};
  const std::vector<NamedTensor> before = *kept;
  std::vector<float> result;
  LocalCluster cluster(world_size);
  ExpectAllOk(cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
    absl::Status status =
        group.feedback().Restore(InMemory(before).value(), group.rank(), world_size);
    std::vector<float> data;
    for (int step = first_step; step < first_step + steps; ++step) {
      group.BeginStep(step, {{kForward, kCount, group.WireOf(kForward.traffic)},
                             {kGradient, kCount, group.WireOf(kGradient.traffic)}});
      data = TestValues(group.rank() + 7 * step, kCount);
      if (status.ok()) status = group.AllReduce(kForward, absl::MakeSpan(data));
      for (float& value : data) value *= 1e-3f;
      if (status.ok()) status = group.AllReduce(kGradient, absl::MakeSpan(data));
      if (status.ok()) status = group.EndStep();
    }
    test::TensorCollector collector(group.feedback().Tensors(world_size));
    status.Update(group.feedback().Gather(&group, collector.Sink()));
    if (!status.ok()) return status;
    EXPECT_EQ(collector.values() == 0, group.rank() != 0);
    if (group.rank() != 0) return status;
    *kept = collector.Take();
    result = data;
    return status;
  }));
  return result;
}

TEST(ErrorFeedbackTest, WhatACheckpointHoldsContinuesWithTheSameBits) {
  for (const bool activations : {false, true}) {
    std::vector<NamedTensor> whole, halves, without;
    const std::vector<float> want = SumAfter(0, 6, 3, activations, &whole);
    SumAfter(0, 3, 3, activations, &halves);
    ASSERT_EQ(halves.size(), activations ? 2u : 1u);
    EXPECT_EQ(halves.back().name, "optimizer.residual.1");
    EXPECT_EQ(halves.back().shape, (std::vector<int64_t>{3, kCount}));
    EXPECT_EQ(SumAfter(3, 3, 3, activations, &halves), want);
    for (size_t i = 0; i < whole.size(); ++i) EXPECT_EQ(halves[i].values, whole[i].values);
    EXPECT_NE(SumAfter(3, 3, 3, activations, &without), want);
  }
}

TEST(ErrorFeedbackTest, OfAnotherNumberOfRanksTheFirstOneTakesWhatAllHaveLost) {
  const std::vector<NamedTensor> kept = {
      {"optimizer.residual.4", {3, 2}, {1, 2, 10, 20, 100, 200}}};
  for (const int world_size : {1, 2, 3, 4}) {
    std::vector<float> sum(2);
    for (int rank = 0; rank < world_size; ++rank) {
      ErrorFeedback feedback;
      EXPECT_EQ(feedback.Restore(InMemory(kept).value(), rank, world_size), absl::OkStatus());
      feedback.Begin(4, absl::MakeSpan(sum));
    }
    EXPECT_EQ(sum, (std::vector<float>{111, 222})) << world_size;
  }
}

TEST(ErrorFeedbackTest, WhatFitsNoMessageIsDropped) {
  ErrorFeedback feedback;
  const std::vector<NamedTensor> kept = {{"optimizer.residual.4", {1, 2}, {1, 2}}};
  EXPECT_EQ(feedback.Restore(InMemory(kept).value(), 0, 1), absl::OkStatus());
  std::vector<float> longer(3);
  feedback.Begin(4, absl::MakeSpan(longer));
  EXPECT_EQ(longer, std::vector<float>(3));
}

TEST(ErrorFeedbackTest, WhatIsNoResidualIsNamed) {
  for (const NamedTensor& wrong : {NamedTensor{"optimizer.residual.x", {1, 1}, {0}},
                                   NamedTensor{"optimizer.residual.1", {1}, {0}}}) {
    const absl::Status status = ErrorFeedback().Restore(InMemory({wrong}).value(), 0, 1);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(wrong.name), absl::string_view::npos) << status;
  }
}

TEST(ErrorFeedbackTest, EachSiteOfAStepHasItsOwn) {
  ErrorFeedback feedback;
  std::vector<float> data = {1, 2};
  feedback.Begin(0, absl::MakeSpan(data))[1] = 0.5f;
  EXPECT_EQ(feedback.Begin(1, absl::MakeSpan(data))[1], 0);
  EXPECT_EQ(data, (std::vector<float>{1, 2}));
  EXPECT_EQ(feedback.Begin(0, absl::MakeSpan(data))[1], 0);
  EXPECT_EQ(data, (std::vector<float>{1, 2.5f}));
}

}  // namespace
}  // namespace edgetp
