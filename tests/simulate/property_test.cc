// What must hold for every algorithm, world size and seed: every second of every rank is
// attributed, and nothing is received before it was sent plus the link's time.
#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "common/collective/registry.h"
#include "common/network/link_model.h"
#include "common/network/network_profile.h"
#include "tests/simulate/uniform.h"

namespace edgetp {
namespace {

using testing::AllReducePlan;
using testing::kElements;
using testing::RoughOptions;
using testing::UnevenCompute;

// A rough network between devices that differ in everything.
TimelineOptions MixedOptions(int world_size, const std::string& algorithm, uint64_t seed) {
  TimelineOptions options = RoughOptions(world_size, algorithm, seed);
  options.devices.clear();
  for (int rank = 0; rank < world_size; ++rank) {
    DeviceOptions device;
    device.message_overhead = absl::Microseconds(40 + 30 * rank);
    device.staging_bytes_per_second = rank % 2 == 0 ? 0 : 1e9;
    options.devices.push_back(device);
  }
  return options;
}

// The same between devices behind access links, one of which is slow.
TimelineOptions AccessOptions(int world_size, const std::string& algorithm, uint64_t seed) {
  TimelineOptions options = MixedOptions(world_size, algorithm, seed);
  v1::NetworkProfile profile;
  profile.set_hop(v1::HOP_ACCESS);
  profile.set_shared_medium(seed % 2 == 1);
  v1::LinkConfig* link = profile.mutable_link();
  link->set_delay_us(3000);
  link->set_jitter_us(2000);
  link->set_loss(1e-4);
  link->set_rate_bits_per_second(3e8);
  v1::LinkOverride* slow = profile.add_overrides();
  slow->set_source(0);
  slow->mutable_link()->set_rate_bits_per_second(2e7);
  options.network = ResolveNetwork(profile, world_size).value();
  return options;
}

// Knows of each message only when it was sent, and draws its jitter from a link model of its own.
class CausalityCheck : public TimelineObserver {
 public:
  explicit CausalityCheck(const TimelineOptions& options)
      : network_(options.network), model_(options.world_size, options.network, options.seed) {}

  void OnCompute(int, absl::Time begin, absl::Time end, size_t) override { EXPECT_LE(begin, end); }
  void OnCollective(int rank, absl::Time begin, absl::Time end, const CollectiveStep&) override {
    EXPECT_EQ(waited_[rank].first, absl::ZeroDuration() + waited_[rank].second);
    EXPECT_LE(waited_[rank].first, end - begin);
    waited_[rank] = {};
  }
  void OnWait(int rank, absl::Time begin, absl::Time end, const TimeBreakdown& terms) override {
    waited_[rank].first += end - begin;
    waited_[rank].second += terms.total();
  }
  void OnMessage(const MessageSpan& message) override {
    const Impairment impairment =
        model_.Draw(message.source, message.destination, message.number, message.bytes);
    const LinkOptions& link = network_.Link(message.source, message.destination);
    const absl::Duration wire =
        absl::Seconds(8.0 * static_cast<double>(message.bytes) / link.rate_bits_per_second);
    const absl::Duration link_time =
        link.PathDelay() + impairment.jitter + impairment.retransmission + wire;
    // Airtimes of segments are rounded one by one.
    earliest_[{message.source, message.destination}].push_back(message.handover + link_time -
                                                               absl::Nanoseconds(100));
  }
  void OnReceive(int source, int destination, absl::Time at) override {
    std::deque<absl::Time>& sent = earliest_[{source, destination}];
    ASSERT_FALSE(sent.empty()) << source << " -> " << destination << ": received, and never sent";
    EXPECT_GE(at, sent.front()) << source << " -> " << destination;
    sent.pop_front();
    ++received_;
  }

  int received() const { return received_; }
  bool AllReceived() const {
    for (const auto& [link, sent] : earliest_) {
      if (!sent.empty()) return false;
    }
    return true;
  }

 private:
  const NetworkOptions network_;
  LinkModel model_;
  std::map<std::pair<int, int>, std::deque<absl::Time>> earliest_;
  std::map<int, std::pair<absl::Duration, absl::Duration>> waited_;  // by time, and by its terms
  int received_ = 0;
};

class EveryAlgorithmProperty : public ::testing::TestWithParam<std::string> {
 protected:
  // Calls `check` with options over world sizes and seeds; odd seeds share one medium.
  template <typename Check>
  void ForAll(Check check) {
    for (const int world_size : {1, 2, 3, 4, 5, 7, 8}) {
      for (const uint64_t seed : {1, 2, 3, 4}) {
        SCOPED_TRACE(::testing::Message() << "P=" << world_size << " seed=" << seed);
        check(MixedOptions(world_size, GetParam(), seed));
        check(AccessOptions(world_size, GetParam(), seed));
      }
    }
  }
};

TEST_P(EveryAlgorithmProperty, EverySecondOfEveryRankIsAttributedExactly) {
  ForAll([](const TimelineOptions& options) {
    const StepPlan plan = AllReducePlan(options.world_size, {kElements, 3, 0, 10000});
    auto simulator = TimelineSimulator::Create(options).value();
    absl::Duration sum;
    for (int step = 0; step < 3; ++step) {
      const StepTimeline timeline = simulator.RunStep(plan, UnevenCompute(plan)).value();
      sum += timeline.duration;
      absl::Time end = absl::UnixEpoch();
      for (const RankStep& rank : timeline.ranks) {
        EXPECT_EQ(rank.breakdown.total(), rank.end - rank.begin);
        for (const BreakdownTerm& term : kBreakdownTerms) {
          EXPECT_GE(rank.breakdown.*term.span, absl::ZeroDuration()) << term.name;
        }
        end = std::max(end, rank.end);
      }
      EXPECT_EQ(absl::UnixEpoch() + sum, end);  // durations add up to the clock
    }
  });
}

TEST_P(EveryAlgorithmProperty, NothingIsReceivedBeforeItWasSentPlusTheTimeOfItsLink) {
  ForAll([](const TimelineOptions& options) {
    const StepPlan plan = AllReducePlan(options.world_size, {kElements, 3, 0, 10000});
    auto simulator = TimelineSimulator::Create(options).value();
    CausalityCheck check(options);
    for (int step = 0; step < 2; ++step) {
      ASSERT_TRUE(simulator.RunStep(plan, UnevenCompute(plan), &check).ok());
    }
    EXPECT_TRUE(check.AllReceived());
    EXPECT_EQ(check.received() > 0, options.world_size > 1);
  });
}

TEST_P(EveryAlgorithmProperty, AnObserverChangesNothing) {
  ForAll([](const TimelineOptions& options) {
    const StepPlan plan = AllReducePlan(options.world_size, {kElements, 3, 0, 10000});
    CausalityCheck check(options);
    auto watched = TimelineSimulator::Create(options).value();
    auto alone = TimelineSimulator::Create(options).value();
    EXPECT_EQ(watched.RunStep(plan, UnevenCompute(plan), &check)->duration,
              alone.RunStep(plan, UnevenCompute(plan))->duration);
  });
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Algorithm& algorithm : Algorithms()) names.push_back(algorithm.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryAlgorithmProperty, ::testing::ValuesIn(Names()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace edgetp
