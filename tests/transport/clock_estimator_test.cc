// The estimate of another host's clock, over networks that are made up: what is true is known.
#include "worker/transport/clock_estimator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "common/base/random.h"

namespace edgetp {
namespace {

constexpr absl::Duration kUptime = absl::Hours(30);

absl::Time At(double seconds) { return absl::UnixEpoch() + kUptime + absl::Seconds(seconds); }

// Two hosts and what is between them.
struct Hosts {
  absl::Duration offset = absl::Hours(1);  // of the other clock
  double drift = 0;
  std::function<double(double)> there = [](double) { return 50e-6; };  // delay at a time, seconds
  std::function<double(double)> back = [](double) { return 50e-6; };
  std::function<double(double)> wander = [](double) { return 0.0; };  // of the other clock, seconds

  absl::Time Theirs(double now) const {
    return At(now) + offset + absl::Seconds(drift * now + wander(now));
  }
  ClockExchange ExchangeAt(double now) const {
    const double received = now + there(now);
    const double answered = received + 10e-6;
    return {At(now), Theirs(received), Theirs(answered), At(answered + back(answered))};
  }
  std::deque<ClockExchange> BurstAt(double now) const {
    std::deque<ClockExchange> burst;
    for (int i = 0; i < 4; ++i) burst.push_back(ExchangeAt(now + i * 1e-3));
    return burst;
  }
};

// How wrong the estimate is at a time.
double ErrorAt(const ClockEstimator& estimator, const Hosts& hosts, double now) {
  return absl::ToDoubleSeconds(estimator.ToMine(hosts.Theirs(now), At(now)) - At(now));
}

double BoundAt(const ClockEstimator& estimator, double now) {
  return absl::ToDoubleSeconds(estimator.BoundAt(At(now)));
}

// A burst each second; at every tenth of a second between them the error is within the bound.
ClockEstimator Watch(const Hosts& hosts, int seconds) {
  ClockEstimator estimator;
  for (int second = 0; second < seconds; ++second) {
    const absl::Status added = estimator.Add(hosts.BurstAt(second));
    EXPECT_TRUE(added.ok()) << added << " at " << second;
    for (int tenth = 1; tenth <= 10; ++tenth) {
      const double now = second + 0.1 * tenth;
      EXPECT_LE(std::abs(ErrorAt(estimator, hosts, now)), BoundAt(estimator, now) + 1e-9) << now;
    }
  }
  return estimator;
}

TEST(ClockEstimatorTest, NothingIsKnownBeforeTheFirstExchange) {
  ClockEstimator estimator;
  EXPECT_FALSE(estimator.known());
  EXPECT_TRUE(estimator.Add({}).ok());
  EXPECT_FALSE(estimator.known());
}

TEST(ClockEstimatorTest, OneBurstGivesTheOffsetWithinHalfTheRoundTrip) {
  const Hosts hosts;
  ClockEstimator estimator;
  ASSERT_TRUE(estimator.Add(hosts.BurstAt(0)).ok());
  EXPECT_NEAR(ErrorAt(estimator, hosts, 0.01), 0, 1e-6);
  EXPECT_NEAR(BoundAt(estimator, 0.004), 50e-6, 2e-6);
}

TEST(ClockEstimatorTest, AConstantOffsetIsFoundAndStaysKnown) {
  for (const absl::Duration offset :
       {absl::ZeroDuration(), -absl::Hours(29), absl::Hours(24 * 365)}) {
    Hosts hosts;
    hosts.offset = offset;
    const ClockEstimator estimator = Watch(hosts, 60);
    EXPECT_NEAR(ErrorAt(estimator, hosts, 60), 0, 2e-6);
    EXPECT_LT(BoundAt(estimator, 60), 80e-6);
    EXPECT_NEAR(estimator.drift(), 0, 1e-6);
  }
}

TEST(ClockEstimatorTest, DriftIsFound) {
  for (const double drift : {100e-6, -30e-6, 500e-6}) {
    Hosts hosts;
    hosts.drift = drift;
    const ClockEstimator estimator = Watch(hosts, 60);
    EXPECT_NEAR(estimator.drift(), drift, 1e-6);
    EXPECT_NEAR(ErrorAt(estimator, hosts, 60), 0, 3e-6);
    EXPECT_LT(BoundAt(estimator, 60), 80e-6);
  }
}

TEST(ClockEstimatorTest, AnAsymmetricPathIsWrongByHalfOfItAndTheBoundSaysSo) {
  Hosts hosts;
  hosts.there = [](double) { return 900e-6; };
  hosts.back = [](double) { return 100e-6; };
  const ClockEstimator estimator = Watch(hosts, 40);
  EXPECT_NEAR(std::abs(ErrorAt(estimator, hosts, 40)), 400e-6, 10e-6);
  EXPECT_GE(BoundAt(estimator, 40), 500e-6);
}

// Each way has a delay that is rarely exceeded by little, and often by much.
double Jittered(double now, uint64_t way, double least, double most) {
  const double unit = ToUnit(RandomBits(7, static_cast<uint64_t>(now * 1e7), way));
  return least + most * unit * unit * unit;
}

TEST(ClockEstimatorTest, JitterIsFiltered) {
  Hosts hosts;
  hosts.drift = 40e-6;
  hosts.there = [](double now) { return Jittered(now, 1, 100e-6, 5e-3); };
  hosts.back = [](double now) { return Jittered(now, 2, 100e-6, 5e-3); };
  const ClockEstimator estimator = Watch(hosts, 60);
  EXPECT_LT(std::abs(ErrorAt(estimator, hosts, 60)), 100e-6);
  EXPECT_LT(BoundAt(estimator, 60), 250e-6);
}

TEST(ClockEstimatorTest, OutliersChangeNothing) {
  Hosts hosts;
  const auto sometimes = [](double now) {
    const bool outlier = std::fmod(now, 7) < 1;  // all of a burst
    return outlier ? 0.3 : 50e-6;
  };
  hosts.there = sometimes;
  const ClockEstimator estimator = Watch(hosts, 60);
  EXPECT_NEAR(ErrorAt(estimator, hosts, 60), 0, 5e-6);
  EXPECT_LT(BoundAt(estimator, 60), 100e-6);
}

TEST(ClockEstimatorTest, AClockThatChangesItsDriftIsFollowed) {
  Hosts hosts;
  // Its time daemon begins to slew it by 200 ppm after 20 s, and ends after 40 s.
  hosts.wander = [](double now) { return 200e-6 * (std::clamp(now, 20.0, 40.0) - 20.0); };
  ClockEstimator estimator;
  for (int second = 0; second < 60; ++second) {
    ASSERT_TRUE(estimator.Add(hosts.BurstAt(second)).ok()) << second;
    // Between the change and the burst that shows it, the bound knows nothing of it.
    EXPECT_LT(std::abs(ErrorAt(estimator, hosts, second + 0.005)), 60e-6) << second;
  }
  EXPECT_NEAR(ErrorAt(estimator, hosts, 60), 0, 20e-6);
}

TEST(ClockEstimatorTest, ASegmentIsMovedToThisClock) {
  const Hosts hosts;
  ClockEstimator estimator;
  ASSERT_TRUE(estimator.Add(hosts.BurstAt(0)).ok());
  const absl::Time due = hosts.Theirs(0.5);
  EXPECT_LT(absl::AbsDuration(estimator.ToMine(due, At(0.01)) - At(0.5)), absl::Microseconds(1));
}

TEST(ClockEstimatorTest, AJumpIsAnErrorWithItsSizeAndTheRule) {
  for (const double jump : {2.0, -0.5, 0.01}) {
    Hosts hosts;
    ClockEstimator estimator = Watch(hosts, 10);
    hosts.offset += absl::Seconds(jump);
    const absl::Status added = estimator.Add(hosts.BurstAt(10));
    EXPECT_EQ(added.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(added.message()), testing::HasSubstr("a clock jumped by at least "));
    EXPECT_THAT(std::string(added.message()), testing::HasSubstr("at most 0.1 %"));
    EXPECT_EQ(std::string(added.message()).find('\n'), std::string::npos);
  }
}

TEST(ClockEstimatorTest, NoDelayLooksLikeAJump) {
  Hosts hosts;
  ClockEstimator estimator = Watch(hosts, 10);
  hosts.there = [](double) { return 100.0; };
  hosts.back = [](double) { return 0.0; };
  EXPECT_TRUE(estimator.Add(hosts.BurstAt(11)).ok());
  hosts.there = [](double) { return 0.0; };
  hosts.back = [](double) { return 100.0; };
  EXPECT_TRUE(estimator.Add(hosts.BurstAt(120)).ok());
}

// A peer may answer anything.
TEST(ClockEstimatorTest, ImpossibleAnswersAreIgnored) {
  constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  ClockEstimator estimator;
  for (const int64_t received : {kMin, int64_t{0}, kMax}) {
    for (const int64_t answered : {kMin, int64_t{-1}, kMax}) {
      const ClockExchange exchange{At(0), absl::FromUnixNanos(received),
                                   absl::FromUnixNanos(answered), At(1e-4)};
      EXPECT_TRUE(estimator.Add({exchange}).ok());
    }
  }
  EXPECT_FALSE(estimator.known());
}

}  // namespace
}  // namespace edgetp
