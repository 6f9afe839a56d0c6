#include "common/simulate/variation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "common/base/quantile.h"
#include "tests/simulate/simulate_case.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

constexpr double kVariability = 0.24;

std::vector<double> Factors(int count) {
  std::vector<double> factors;
  for (int draw = 0; draw < count; ++draw)
    factors.push_back(BoardFactor(kVariability, {.seed = 1, .draw = draw, .rank = 0}));
  return factors;
}

TEST(VariationTest, TheMiddle95PercentOfBoardsLieWithinAFactorOfOnePlusVariability) {
  const std::vector<double> factors = Factors(20'000);
  EXPECT_NEAR(Quantile(factors, 0.975) / Quantile(factors, 0.025), 1 + kVariability, 0.01);
  EXPECT_NEAR(Quantile(factors, 0.5), 1, 0.003);
}

TEST(VariationTest, AStepsOwnFactorIsASmallerOne) {
  double squares = 0;
  constexpr int kSteps = 20'000;
  for (int step = 0; step < kSteps; ++step) {
    const double log = std::log(StepFactor(kVariability, {.seed = 1}, step));
    squares += log * log / kSteps;
  }
  EXPECT_NEAR(std::sqrt(squares), kStepShare * BoardSigma(kVariability), 1e-3 * kStepShare);
}

TEST(VariationTest, WithoutVariabilityAllBoardsAreExactlyTheProfile) {
  EXPECT_EQ(BoardFactor(0, {.seed = 3, .draw = 1, .rank = 2}), 1);
  EXPECT_EQ(StepFactor(0, {.seed = 3}, 17), 1);
  const auto boards = DrawBoards({testing::Board(1e10)}, 3, 7, 0);
  ASSERT_EQ(boards.size(), 3u);
  for (const v1::DeviceProfile& board : boards)
    EXPECT_EQ(board.SerializeAsString(), testing::Board(1e10).SerializeAsString());
}

TEST(VariationTest, AFactorDependsOnSeedDrawRankAndStepAndOnNothingElse) {
  const BoardKey key{.seed = 1, .draw = 2, .rank = 3};
  std::set<double> factors = {BoardFactor(kVariability, key),
                              BoardFactor(kVariability, {.seed = 2, .draw = 2, .rank = 3}),
                              BoardFactor(kVariability, {.seed = 1, .draw = 3, .rank = 3}),
                              BoardFactor(kVariability, {.seed = 1, .draw = 2, .rank = 4}),
                              StepFactor(kVariability, key, 0),
                              StepFactor(kVariability, key, 1)};
  EXPECT_EQ(factors.size(), 6u);
  EXPECT_EQ(BoardFactor(kVariability, key), BoardFactor(kVariability, key));
}

TEST(VariationTest, ABoardsFactorComesOnTopOfTheProfilesOwn) {
  v1::DeviceProfile device = testing::Board(1e10);
  device.set_variability(kVariability);
  device.set_compute_factor(2);
  EXPECT_DOUBLE_EQ(DrawBoards({device}, 2, 5, 1)[1].compute_factor(),
                   2 * BoardFactor(kVariability, {.seed = 5, .draw = 1, .rank = 1}));
}

// A cluster that computes nearly all of the time.
SimulateCase Boards(double variability) {
  v1::DeviceProfile device = testing::Board(1e8);
  if (variability > 0) device.set_variability(variability);
  return testing::MiniGptCase(4, device);
}

TEST(DrawsTest, OneDrawWithoutVariabilityIsTheForecastToTheLastBit) {
  SimulateCase run = Boards(0);
  run.draws.count = 1;
  const v1::SimulateReport report = *Simulate(run);
  EXPECT_EQ(report.variation().draws(), 1);
  EXPECT_EQ(report.variation().step_seconds_p50(), report.step_seconds());
  EXPECT_EQ(report.variation().step_seconds_p99(), report.step_seconds());
}

TEST(DrawsTest, JitterIsTheSameInEachDraw) {
  SimulateCase run = Boards(0);
  run.forecast.network.mutable_link()->set_jitter_us(500);
  run.forecast.steps = 10;
  run.draws.count = 3;
  const v1::SimulateReport report = *Simulate(run);
  EXPECT_EQ(report.variation().step_seconds_p50(), report.step_seconds());
  EXPECT_EQ(report.variation().step_seconds_p99(), report.step_seconds());
}

TEST(DrawsTest, TheSlowestOfSeveralBoardsIsSlowerThanTheProfile) {
  SimulateCase run = Boards(kVariability);
  run.draws.count = 20;
  const v1::SimulateReport report = *Simulate(run);
  EXPECT_EQ(report.variation().draws(), 20);
  EXPECT_EQ(report.variation().variability(), kVariability);
  EXPECT_GT(report.variation().step_seconds_p50(), report.step_seconds());
  EXPECT_LT(report.variation().step_seconds_p50(), report.variation().step_seconds_p99());
  EXPECT_LT(report.variation().step_seconds_p99(), 1.24 * report.step_seconds());
}

TEST(DrawsTest, TheSameSeedDrawsTheSameBoardsAndAnotherOthers) {
  SimulateCase run = Boards(kVariability);
  run.draws.count = 5;
  const std::string first = Simulate(run)->SerializeAsString();
  EXPECT_EQ(Simulate(run)->SerializeAsString(), first);
  run.forecast.seed = 8;
  EXPECT_NE(Simulate(run)->SerializeAsString(), first);
}

TEST(DrawsTest, EverythingElseIsOfBoardsAsTheirProfilesSay) {
  SimulateCase run = Boards(kVariability);
  v1::SimulateReport without = *Simulate(run);
  EXPECT_FALSE(without.has_variation());
  run.draws.count = 5;
  v1::SimulateReport with = *Simulate(run);
  with.clear_variation();
  EXPECT_EQ(with.SerializeAsString(), without.SerializeAsString());
}

TEST(DrawsTest, ByDefaultBoardsAreDrawnWhereTheyVaryAndLittleIsSimulated) {
  SimulateCase run = Boards(0);
  run.draws = {.count = kDefaultDraws, .by_default = true};
  EXPECT_FALSE(Simulate(run)->has_variation());
  run.forecast.devices[0].set_variability(0.1);
  EXPECT_EQ(Simulate(run)->variation().draws(), kDefaultDraws);
  run.forecast.segment_bytes = 256;
  const v1::Variation large = Simulate(run)->variation();
  EXPECT_EQ(large.draws(), 0);
  EXPECT_THAT(large.note(), HasSubstr("--draws=20 asks for it"));
}

}  // namespace
}  // namespace edgetp
