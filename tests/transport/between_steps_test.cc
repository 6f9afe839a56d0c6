// What a run does between its training steps: it takes the real network, has time, and is in no
// step's figures.
#include <future>

#include "common/collective/rooted.h"
#include "gmock/gmock.h"
#include "tests/transport/forwarding_transport.h"
#include "tests/transport/local_cluster.h"

namespace edgetp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr CollectiveTag kControlTag = {TrafficClass::kControl, Phase::kOptimizer, -1};
constexpr CollectiveTag kEvaluationTag = {TrafficClass::kActivationForward, Phase::kEvaluate, 0};

CollectiveGroupOptions TrainingOver(NetworkOptions network) {
  CollectiveGroupOptions options;
  options.choose = FixedAlgorithm("direct");
  options.network = std::move(network);
  options.emulate_all = false;
  return options;
}

NetworkOptions CutForGood() {
  NetworkOptions network;
  network.partition_group = {0, 1};
  return network;
}

absl::Status Reduce(CollectiveGroup& group, const CollectiveTag& tag, int64_t count) {
  std::vector<float> data(count, 1.0f);
  return group.AllReduce(tag, absl::MakeSpan(data));
}

absl::Status TrainStep(CollectiveGroup& group, int step) {
  group.BeginStep(step, {{kForwardTag, 100, WireFormat()}});
  const absl::Status status = Reduce(group, kForwardTag, 100);
  return status.ok() ? group.EndStep() : status;
}

absl::Status Evaluate(CollectiveGroup& group) {
  group.BeginStep(-1, {{kEvaluationTag, 100, WireFormat()}});
  const absl::Status status = Reduce(group, kEvaluationTag, 100);
  return status.ok() ? group.EndStep() : status;
}

absl::Status GatherOne(CollectiveGroup& group) {
  std::vector<float> data(2, 1.0f);
  return group.Gather(kControlTag, {1, 1}, absl::MakeSpan(data));
}

TEST(BetweenStepsTest, NothingBetweenStepsTakesTheEmulatedLinks) {
  LocalCluster cluster(2);
  CollectiveGroupOptions options = TrainingOver(CutForGood());
  options.deadline = absl::Milliseconds(20);
  const auto results = cluster.OnEachGroup(options, [](CollectiveGroup& group) {
    for (const absl::Status& status :
         {Reduce(group, kControlTag, 10), Evaluate(group), GatherOne(group), group.Barrier()}) {
      EXPECT_TRUE(status.ok()) << status;
    }
    return TrainStep(group, 0);
  });
  for (const absl::Status& status : results) EXPECT_FALSE(status.ok());
}

TEST(BetweenStepsTest, WhoAsksForItGetsEverythingEmulatedButTheBarrier) {
  LocalCluster cluster(2);
  CollectiveGroupOptions options = TrainingOver(CutForGood());
  options.deadline = absl::Milliseconds(20);
  options.emulate_all = true;
  const auto results = cluster.OnEachGroup(options, [](CollectiveGroup& group) {
    const absl::Status met = group.Barrier();
    EXPECT_TRUE(met.ok()) << met;
    return GatherOne(group);
  });
  EXPECT_THAT(std::string(results[1].message()), HasSubstr("gather send"));
}

// Tells when this rank waits for others.
class WaitingTransport final : public ForwardingTransport {
 public:
  WaitingTransport(std::unique_ptr<SegmentTransport> inner, std::promise<void>* waits)
      : ForwardingTransport(std::move(inner)), waits_(waits) {}
  absl::Status Poll(absl::Time until) override {
    if (until > MonotonicNow() && waits_ != nullptr) std::exchange(waits_, nullptr)->set_value();
    return ForwardingTransport::Poll(until);
  }

 private:
  std::promise<void>* waits_;
};

TEST(BetweenStepsTest, WaitingForARankThatSavesHasNothingToDoWithTheDeadline) {
  LocalCluster cluster(2);
  CollectiveGroupOptions options = TrainingOver(NetworkOptions());
  options.deadline = absl::ZeroDuration();
  std::promise<void> waits;
  ExpectAllOk(cluster.OnEachGroup(
      options,
      [&](CollectiveGroup& group) {
        if (group.rank() == 0) waits.get_future().wait();  // as long as saving takes
        return group.Barrier();
      },
      [&](int rank, std::unique_ptr<SegmentTransport> inner) -> std::unique_ptr<SegmentTransport> {
        if (rank == 0) return inner;
        return std::make_unique<WaitingTransport>(std::move(inner), &waits);
      }));
}

TEST(BetweenStepsTest, NothingBetweenStepsIsInAStepsFigures) {
  LocalCluster cluster(2);
  NetworkOptions network;
  network.link.delay = absl::Microseconds(100);
  ExpectAllOk(cluster.OnEachGroup(TrainingOver(network), [](CollectiveGroup& group) {
    absl::Status status = Reduce(group, kControlTag, 1000);
    if (status.ok()) status = GatherOne(group);
    if (status.ok()) status = group.Barrier();
    if (status.ok()) status = TrainStep(group, 0);
    const StepStats stats = group.TakeStats();
    EXPECT_EQ(stats.bytes.control(), 0);
    EXPECT_EQ(stats.bytes.activation_fwd(), 400);
    EXPECT_EQ(stats.messages, 1);
    EXPECT_EQ(stats.fidelity.messages(), 1);
    EXPECT_EQ(group.TotalFidelity().messages(), 1);
    return status;
  }));
}

// Keeps the jitter of whatever is stamped.
class JitterLog final : public ForwardingTransport {
 public:
  JitterLog(std::unique_ptr<SegmentTransport> inner, std::vector<int64_t>* jitters)
      : ForwardingTransport(std::move(inner)), jitters_(jitters) {}
  absl::Status Send(int peer, const SegmentHeader& header,
                    absl::Span<const std::byte> payload) override {
    if (header.times.last_bit_ns != 0) jitters_->push_back(header.times.jitter_ns);
    return ForwardingTransport::Send(peer, header, payload);
  }

 private:
  std::vector<int64_t>* jitters_;
};

std::vector<int64_t> JittersOfThreeSteps(bool evaluates) {
  LocalCluster cluster(2);
  NetworkOptions network;
  network.link.delay = absl::Milliseconds(1);
  network.link.jitter = absl::Microseconds(1);  // so little that no message catches up with another
  std::vector<std::vector<int64_t>> jitters(2);
  ExpectAllOk(cluster.OnEachGroup(
      TrainingOver(network),
      [&](CollectiveGroup& group) {
        absl::Status status;
        for (int step = 0; step < 3 && status.ok(); ++step) {
          status = TrainStep(group, step);
          if (evaluates && status.ok()) status = Evaluate(group);
          if (evaluates && status.ok()) status = GatherOne(group);
        }
        return status;
      },
      [&](int rank, std::unique_ptr<SegmentTransport> inner) {
        return std::make_unique<JitterLog>(std::move(inner), &jitters[rank]);
      }));
  return jitters[0];
}

TEST(BetweenStepsTest, TheWeatherOfAStepDependsOnTrainingAlone) {
  const std::vector<int64_t> jitters = JittersOfThreeSteps(false);
  EXPECT_EQ(jitters.size(), 3u);
  EXPECT_EQ(JittersOfThreeSteps(true), jitters);
}

TEST(GatherTest, PartsOfAnySizeReachRankZeroAndNothingElseTravels) {
  const std::vector<int64_t> counts = {3, 0, 50'000};
  LocalCluster cluster(3);
  CollectiveGroupOptions options;
  options.segment_bytes = 10'000;
  ExpectAllOk(cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
    std::vector<float> data(50'003, -1.0f);
    const int64_t begin = group.rank() == 2 ? 3 : group.rank() * 3;
    for (int64_t i = 0; i < counts[group.rank()]; ++i) data[begin + i] = group.rank() + i;
    const absl::Status status = group.Gather(kControlTag, counts, absl::MakeSpan(data));
    if (group.rank() == 0) {
      EXPECT_THAT(std::vector<float>(data.begin(), data.begin() + 5), ElementsAre(0, 1, 2, 2, 3));
      EXPECT_EQ(data.back(), 2 + 49'999);
    }
    return status;
  }));
  const Schedule schedule = BuildGather(ConsecutiveChunks(counts));
  EXPECT_EQ(ElementsSent(schedule, 0), 0);
  EXPECT_EQ(ElementsSent(schedule, 1), 0);
  EXPECT_EQ(ElementsSent(schedule, 2), 50'000);
}

TEST(GatherTest, CountsThatDoNotFitAreInternal) {
  LocalCluster cluster(2);
  ExpectAllOk(cluster.OnEachGroup({}, [](CollectiveGroup& group) {
    std::vector<float> data(5);
    EXPECT_EQ(group.Gather(kControlTag, {1, 1}, absl::MakeSpan(data)).code(),
              absl::StatusCode::kInternal);
    EXPECT_EQ(group.Gather(kControlTag, {5}, absl::MakeSpan(data)).code(),
              absl::StatusCode::kInternal);
    return absl::OkStatus();
  }));
}

}  // namespace
}  // namespace edgetp
