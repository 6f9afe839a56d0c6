#include "common/advise/search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/advise/bound.h"
#include "common/base/quantile.h"
#include "common/network/network_profile.h"
#include "tests/advise/problem.h"

namespace edgetp {
namespace {

using testing::Board;
using testing::Exhaustive;
using testing::TinyProblem;

bool Everything(const AdviseGroup&) { return true; }

void MakeWifi(v1::NetworkProfile* network) {
  network->set_hop(v1::HOP_ACCESS);
  network->set_shared_medium(true);
  v1::LinkConfig* link = network->mutable_link();
  link->set_distribution(v1::LinkConfig::DISTRIBUTION_QUANTILES);
  for (const auto& [probability, jitter] : {std::pair(0.0, -100.0), {0.9, 0.0}, {1.0, 3000.0}}) {
    auto* row = link->add_quantiles();
    row->set_probability(probability);
    row->set_jitter_us(jitter);
  }
}

// Groups with equal costs may stand in any order, so costs are compared.
void ExpectSameAsExhaustive(const AdviseProblem& problem) {
  const std::vector<AdviseCost> want = Exhaustive(problem);
  AdviseSearch search = AdviseSearch::Create(problem).value();
  const auto best = search.Best(problem.rows, Everything);
  ASSERT_TRUE(best.ok()) << best.status();
  ASSERT_EQ(best->size(), std::min<size_t>(want.size(), problem.rows));
  EXPECT_EQ(search.unfinished(), 0);
  for (size_t i = 0; i < best->size(); ++i) {
    const double seconds_per_token =
        (*best)[i].report.step_seconds() / (problem.sequences * problem.base.plan.shape.sequence);
    EXPECT_DOUBLE_EQ(seconds_per_token, want[i].seconds_per_token) << "place " << i;
  }
  EXPECT_LT(search.counts().simulated, search.counts().candidates);
}

TEST(AdviseSearchTest, TheAnswerIsThatOfSimulatingEverything) {
  for (const AdviseGoal goal :
       {AdviseGoal::kTokens, AdviseGoal::kStep, AdviseGoal::kEnergy, AdviseGoal::kMemory}) {
    SCOPED_TRACE(NameOf(goal));
    AdviseProblem problem = TinyProblem();
    problem.goal = goal;
    ExpectSameAsExhaustive(problem);
  }
}

TEST(AdviseSearchTest, TheAnswerIsThatOfSimulatingEverythingOverARandomSharedMedium) {
  AdviseProblem problem = TinyProblem();
  MakeWifi(&problem.base.network);
  problem.base.steps = 10;
  problem.max_workers = 2;
  ExpectSameAsExhaustive(problem);
}

TEST(AdviseSearchTest, TheAnswerIsThatOfSimulatingEverythingOnFastAndSlowLinks) {
  for (const double rate : {1e6, 1e10}) {
    AdviseProblem problem = TinyProblem();
    problem.base.network.mutable_link()->set_rate_bits_per_second(rate);
    problem.base.network.set_interface_rate_bits_per_second(2 * rate);
    ExpectSameAsExhaustive(problem);
  }
}

TEST(AdviseSearchTest, WhatOneQuestionFoundIsKnownToTheNext) {
  AdviseSearch search = AdviseSearch::Create(TinyProblem()).value();
  ASSERT_EQ(search.Best(3, Everything)->size(), 3u);
  const int64_t simulated = search.counts().simulated;
  ASSERT_EQ(search.Best(3, Everything)->size(), 3u);
  EXPECT_EQ(search.counts().simulated, simulated);
}

TEST(AdviseSearchTest, WhatIsNotWantedIsNotInTheAnswer) {
  AdviseSearch search = AdviseSearch::Create(TinyProblem()).value();
  const auto alone =
      search.Best(10, [](const AdviseGroup& group) { return group.workers() == 1; }).value();
  ASSERT_EQ(alone.size(), 2u);  // of each kind
  EXPECT_EQ(alone[0].candidate.layout.devices, std::vector<int>{1});
}

TEST(AdviseSearchTest, WithoutWorkLeftItSaysThatItIsUnfinished) {
  AdviseSearch search = AdviseSearch::Create(TinyProblem(), /*work=*/1).value();
  ASSERT_TRUE(search.Best(10, Everything).ok());
  EXPECT_GT(search.unfinished(), 0);
}

TEST(AdviseSearchTest, WhoStopsItGetsNoHalfAnswer) {
  AdviseProblem problem = TinyProblem();
  problem.base.stop = [] { return true; };
  AdviseSearch search = AdviseSearch::Create(problem).value();
  EXPECT_EQ(search.Best(10, Everything).status().code(), absl::StatusCode::kCancelled);
}

// Of all candidates of a problem, on networks of every kind.
TEST(AdviseBoundTest, NoSimulatedStepIsShorterThanItsFloor) {
  AdviseProblem base = TinyProblem();
  std::vector<v1::NetworkProfile> networks(4, base.base.network);
  networks[1].set_interface_rate_bits_per_second(3e8);
  networks[2].set_interface_sharing(false);
  MakeWifi(&networks[3]);
  for (const v1::NetworkProfile& network : networks) {
    AdviseProblem problem = base;
    problem.base.network = network;
    problem.base.choose = AlgorithmMemo().Chooser();
    const std::vector<double> speeds = DeviceSpeeds(problem).value();
    const auto calm = CalmNetwork(network);
    for (const AdviseGroup& group : BuildAdviseSpace(problem, speeds).groups) {
      const auto planned =
          PlanCandidate(problem, group, LayoutsOf(problem, group).back(), speeds).value();
      const StepPlan& plan = planned->strategy.plan;
      ForecastCase forecast = planned->run.forecast;
      const double floor = absl::ToDoubleSeconds(
          StepFloor(plan, BuildComputeTable(plan, ToDeviceOptions(forecast.devices)),
                    ResolveNetwork(forecast.network, plan.world_size).value()));
      const auto median = [&] { return Quantile(RunForecast(forecast, plan)->step_seconds, 0.5); };
      const std::string name = group.strategy.name + " " + group.pattern + " " + group.wire;
      const double simulated = median();
      EXPECT_LE(kBoundSlack * floor, simulated) << name;
      if (!calm.has_value() || plan.world_size == 1) continue;
      forecast.network = *calm;
      forecast.choose = nullptr;
      EXPECT_LE(kBoundSlack * median(), simulated) << name;
    }
  }
}

TEST(AdviseBoundTest, ANetworkWithoutChanceIsCalmAlready) {
  EXPECT_FALSE(CalmNetwork(TinyProblem().base.network).has_value());
  v1::NetworkProfile network = TinyProblem().base.network;
  network.mutable_link()->set_jitter_us(50);
  network.mutable_link()->set_distribution(v1::LinkConfig::DISTRIBUTION_UNIFORM);
  network.mutable_link()->set_loss(0.01);
  const auto calm = CalmNetwork(network);
  ASSERT_TRUE(calm.has_value());
  EXPECT_EQ(calm->link().delay_us(), 150);
  EXPECT_FALSE(ResolveNetwork(*calm, 2)->Random());
}

}  // namespace
}  // namespace edgetp
