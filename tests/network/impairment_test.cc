#include "common/network/impairment.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace edgetp {
namespace {

LinkOptions JitteredLink(JitterDistribution distribution) {
  LinkOptions link;
  link.delay = absl::Seconds(1);  // far from the floor
  link.jitter = absl::Milliseconds(2);
  link.distribution = distribution;
  return link;
}

struct Moments {
  double mean_ms = 0;
  double deviation_ms = 0;
  double max_ms = 0;
};

// Over an even grid of probabilities: no sampling error.
Moments MomentsOf(const LinkOptions& link) {
  constexpr int kPoints = 1 << 18;
  double sum = 0;
  double squares = 0;
  Moments moments;
  for (int i = 0; i < kPoints; ++i) {
    const double ms = absl::ToDoubleMilliseconds(JitterAt(link, (i + 0.5) / kPoints));
    sum += ms;
    squares += ms * ms;
    moments.max_ms = std::max(moments.max_ms, ms);
  }
  moments.mean_ms = sum / kPoints;
  moments.deviation_ms = std::sqrt(squares / kPoints - moments.mean_ms * moments.mean_ms);
  return moments;
}

TEST(JitterTest, UniformStaysWithinPlusMinusJitter) {
  const LinkOptions link = JitteredLink(JitterDistribution::kUniform);
  EXPECT_EQ(JitterAt(link, 0), absl::Milliseconds(-2));
  EXPECT_EQ(JitterAt(link, 0.75), absl::Milliseconds(1));
  EXPECT_NEAR(MomentsOf(link).mean_ms, 0, 1e-6);
  EXPECT_NEAR(MomentsOf(link).deviation_ms, 2 / std::sqrt(3), 1e-4);
}

TEST(JitterTest, NormalHasJitterAsStandardDeviation) {
  const LinkOptions link = JitteredLink(JitterDistribution::kNormal);
  EXPECT_NEAR(MomentsOf(link).mean_ms, 0, 1e-6);
  EXPECT_NEAR(MomentsOf(link).deviation_ms, 2, 1e-3);
}

TEST(JitterTest, NormalHasTheKnownQuantiles) {
  const LinkOptions link = JitteredLink(JitterDistribution::kNormal);
  for (const auto& [p, z] :
       {std::pair(0.5, 0.0), {0.975, 1.959964}, {0.001, -3.090232}, {0.99, 2.326348}}) {
    EXPECT_NEAR(absl::ToDoubleMilliseconds(JitterAt(link, p)), 2 * z, 2e-6);
  }
}

TEST(JitterTest, ParetoHasMeanZeroJitterAsDeviationAndAHeavyUpperTail) {
  const Moments moments = MomentsOf(JitteredLink(JitterDistribution::kPareto));
  EXPECT_NEAR(moments.mean_ms, 0, 0.01);
  EXPECT_NEAR(moments.deviation_ms, 2, 0.06);  // the grid leaves out the end of the tail
  EXPECT_GT(moments.max_ms, 20 * 2);
}

TEST(JitterTest, ParetoNeverGoesFarBelowItsMean) {
  const LinkOptions link = JitteredLink(JitterDistribution::kPareto);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(JitterAt(link, 0)), -0.57735 * 2, 1e-4);
}

TEST(JitterTest, QuantilesAreInterpolatedAndFlatOutside) {
  LinkOptions link = JitteredLink(JitterDistribution::kQuantiles);
  link.quantiles = {
      {0.1, absl::Milliseconds(-1)}, {0.5, absl::Milliseconds(0)}, {0.9, absl::Milliseconds(20)}};
  EXPECT_EQ(JitterAt(link, 0.0), absl::Milliseconds(-1));
  EXPECT_NEAR(absl::ToDoubleMilliseconds(JitterAt(link, 0.3)), -0.5, 1e-6);
  EXPECT_EQ(JitterAt(link, 0.5), absl::Milliseconds(0));
  EXPECT_NEAR(absl::ToDoubleMilliseconds(JitterAt(link, 0.7)), 10, 1e-6);
  EXPECT_EQ(JitterAt(link, 0.95), absl::Milliseconds(20));
}

TEST(JitterTest, NoMessageArrivesBeforeItWasSent) {
  for (const auto distribution : {JitterDistribution::kUniform, JitterDistribution::kNormal}) {
    LinkOptions link = JitteredLink(distribution);
    link.delay = absl::Milliseconds(1);
    EXPECT_EQ(JitterAt(link, 0.0001), absl::Milliseconds(-1));
  }
}

TEST(JitterTest, ALinkWithoutJitterHasNone) {
  LinkOptions link = JitteredLink(JitterDistribution::kNormal);
  link.jitter = absl::ZeroDuration();
  EXPECT_EQ(JitterAt(link, 0.9), absl::ZeroDuration());
}

TEST(JitterTest, TheUniformsOfALinkLookUniform) {
  std::vector<int> bins(10);
  for (uint64_t message = 0; message < 10000; ++message) {
    ++bins[static_cast<size_t>(10 * JitterUniform({1, 0, 1, message}))];
  }
  for (const int bin : bins) EXPECT_NEAR(bin, 1000, 150);
}

// The share of messages that need at most `rounds`, by bisection over the uniform.
double Probability(double loss, int64_t packets, int rounds) {
  double low = 0;
  double high = 1;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (RetransmissionRounds(loss, packets, middle) <= rounds ? low : high) = middle;
  }
  return low;
}

TEST(LossTest, RoundsFollowTheClosedForm) {
  for (const double loss : {0.001, 0.01, 0.3}) {
    for (const int64_t packets : {1, 3, 272}) {
      for (const int rounds : {0, 1, 2}) {
        const double want = std::pow(1 - std::pow(loss, rounds + 1), static_cast<double>(packets));
        EXPECT_NEAR(Probability(loss, packets, rounds), want, 1e-9);
      }
    }
  }
}

TEST(LossTest, NothingIsLostWithoutLossOrWithoutPackets) {
  EXPECT_EQ(RetransmissionRounds(0, 1000, 0.999999), 0);
  EXPECT_EQ(RetransmissionRounds(0.5, 0, 0.999999), 0);
}

TEST(LossTest, AStreamGivesUpInTheEnd) { EXPECT_EQ(RetransmissionRounds(1, 10, 0.5), 15); }

TEST(LossTest, TimeoutsHitOnlyTheEndOfATransmission) {
  EXPECT_EQ(TimeoutProbability(0.01, 1), 1);
  EXPECT_EQ(TimeoutProbability(0.01, 3), 1);
  const double p = 0.01;
  EXPECT_NEAR(TimeoutProbability(p, 100), (1 - std::pow(1 - p, 3)) / (1 - std::pow(1 - p, 100)),
              1e-12);
}

LinkOptions LossyLink(double loss, absl::Duration delay) {
  LinkOptions link;
  link.delay = delay;
  link.loss = loss;
  return link;
}

TEST(LossTest, ASmallMessageWaitsForTheTimeout) {
  const LinkOptions link = LossyLink(0.5, absl::Milliseconds(10));
  for (uint64_t message = 0; message < 100; ++message) {
    const absl::Duration delay = RetransmissionDelay(link, {1, 0, 1, message}, 100);
    EXPECT_EQ(delay % absl::Milliseconds(200), absl::ZeroDuration());
  }
}

TEST(LossTest, TheTimeoutIsTwoRoundTripsOfALongLink) {
  const LinkOptions link = LossyLink(0.5, absl::Milliseconds(100));
  for (uint64_t message = 0; message < 100; ++message) {
    const absl::Duration delay = RetransmissionDelay(link, {1, 0, 1, message}, 100);
    EXPECT_EQ(delay % absl::Milliseconds(400), absl::ZeroDuration());
  }
}

TEST(LossTest, TheMeanDelayOfSingleLossesFollowsTheFormula) {
  const double loss = 1e-4;
  const int64_t packets = 272;  // 384 KiB
  const LinkOptions link = LossyLink(loss, absl::Milliseconds(10));
  constexpr int kMessages = 200000;
  absl::Duration sum;
  for (uint64_t message = 0; message < kMessages; ++message) {
    sum += RetransmissionDelay(link, {1, 0, 1, message}, packets * kPacketBytes);
  }
  const double any_lost = 1 - std::pow(1 - loss, packets);
  const double timeout = TimeoutProbability(loss, packets);
  const double want_ms = any_lost * (timeout * 200 + (1 - timeout) * 20);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(sum) / kMessages, want_ms, 0.05 * want_ms);
}

TEST(LossTest, JitterAndLossAreDrawnIndependently) {
  const LinkOptions link = LossyLink(0.5, absl::Milliseconds(10));
  int high_and_lost = 0;
  int lost = 0;
  for (uint64_t message = 0; message < 10000; ++message) {
    const MessageKey key{1, 0, 1, message};
    if (RetransmissionDelay(link, key, 100) == absl::ZeroDuration()) continue;
    ++lost;
    high_and_lost += JitterUniform(key) > 0.5;
  }
  EXPECT_NEAR(static_cast<double>(high_and_lost) / lost, 0.5, 0.03);
}

}  // namespace
}  // namespace edgetp
