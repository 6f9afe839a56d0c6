#include "worker/collective/collective_group.h"

#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "common/collective/registry.h"
#include "common/network/medium_arbiter.h"
#include "gmock/gmock.h"
#include "tests/transport/forwarding_transport.h"
#include "tests/transport/local_cluster.h"
#include "worker/job/bench_all_reduce.h"
#include "worker/transport/blame.h"

namespace edgetp {
namespace {

using testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

CollectiveStep Planned(TrafficClass traffic, int64_t elements, const std::string& wire = "fp32",
                       int layer = 0) {
  return {{traffic, Phase::kForward, layer}, elements, WireFormat::Parse(wire).value()};
}

TEST(FailureTest, WhicheverSendFailsEveryRankEndsWithAStatus) {
  for (const Algorithm& algorithm : Algorithms()) {
    for (int failing = 0; failing < 3; ++failing) {
      LocalCluster cluster(3);
      CollectiveGroupOptions options;
      options.choose = FixedAlgorithm(algorithm.name);
      options.segment_bytes = 1000;
      const auto results = cluster.OnEachGroup(
          options,
          [](CollectiveGroup& group) {
            std::vector<float> data(5000, 1.0f);
            return group.AllReduce(kForwardTag, absl::MakeSpan(data));
          },
          [failing](int rank,
                    std::unique_ptr<SegmentTransport> inner) -> std::unique_ptr<SegmentTransport> {
            if (rank != 1) return inner;
            return std::make_unique<FailingTransport>(std::move(inner), failing);
          });
      EXPECT_THAT(Message(results[1]), HasSubstr("injected")) << algorithm.name;
      for (const int other : {0, 2}) {
        EXPECT_TRUE(results[other].ok() || results[other].code() == absl::StatusCode::kUnavailable)
            << algorithm.name << ": " << results[other];
      }
    }
  }
}

TEST(FailureTest, APeerThatIsGoneIsNamed) {
  LocalCluster cluster(2);
  const auto results = cluster.OnEachGroup({}, [](CollectiveGroup& group) {
    if (group.rank() == 1) {
      group.Abort(absl::InternalError("crash"));
      return absl::OkStatus();
    }
    std::vector<float> data(5000, 1.0f);
    return group.AllReduce(kForwardTag, absl::MakeSpan(data));
  });
  EXPECT_EQ(results[0].code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(results[0]), HasSubstr("peer=1"));
  EXPECT_EQ(BlamedRank(results[0]), 1);
}

TEST(FailureTest, APeerThatLeavesTooEarlyIsNamed) {
  LocalCluster cluster(2);
  const auto results = cluster.OnEachGroup({}, [](CollectiveGroup& group) {
    std::vector<float> data(5000, 1.0f);
    return group.rank() == 1 ? absl::OkStatus()
                             : group.AllReduce(kForwardTag, absl::MakeSpan(data));
  });
  EXPECT_EQ(results[0].code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(Message(results[0]), HasSubstr("peer=1"));
  EXPECT_EQ(BlamedRank(results[0]), 1);
}

TEST(FailureTest, AbortWakesAWaitingCollectiveAndStays) {
  LocalCluster cluster(2);
  std::promise<void> done;  // the peer stays until then: its end must not be what rank 0 sees
  ExpectAllOk(cluster.OnEachGroup({}, [&](CollectiveGroup& group) {
    if (group.rank() == 1) {
      done.get_future().wait_for(std::chrono::seconds(20));
      return absl::OkStatus();
    }
    const absl::Status cause = absl::AbortedError("rank 3 failed: disk full");
    std::thread control([&] { group.Abort(cause); });
    std::vector<float> data(10, 1.0f);
    const absl::Status status = group.AllReduce(kForwardTag, absl::MakeSpan(data));
    EXPECT_EQ(status.code(), cause.code());
    EXPECT_THAT(Message(status), HasSubstr("disk full"));
    EXPECT_FALSE(group.AllReduce(kForwardTag, absl::MakeSpan(data)).ok());
    control.join();
    done.set_value();
    return absl::OkStatus();
  }));
}

TEST(FailureTest, TheDeadlineNamesRankPeerStepAndChunk) {
  LocalCluster cluster(2);
  std::vector<std::unique_ptr<PeerGroup>> groups(2);
  ExpectAllOk(cluster.OnEachRank([&](int rank) {
    groups[rank] = cluster.Connected(rank);
    return absl::OkStatus();
  }));
  CollectiveGroupOptions options;
  options.deadline = absl::Milliseconds(20);
  auto group = CollectiveGroup::Create(std::move(groups[0]), options);
  (*group)->BeginStep(40, {Planned(TrafficClass::kActivationForward, 10)});
  std::vector<float> data(10, 1.0f);
  const absl::Status status = (*group)->AllReduce(kForwardTag, absl::MakeSpan(data));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(
      Message(status),
      HasSubstr("all_reduce recv: deadline exceeded (rank=0 peer=1 step=40 chunk=0 waited_ms="));
}

// Runs one step on two ranks that plans `expected` and executes `actual`; gives rank 0's first
// error.
absl::Status Step(const std::vector<CollectiveStep>& expected,
                  const std::vector<CollectiveStep>& actual) {
  LocalCluster cluster(2);
  CollectiveGroupOptions options;
  options.wire_backward = "bf16";
  return cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
    group.BeginStep(7, expected);
    for (const CollectiveStep& step : actual) {
      std::vector<float> data(step.elements, 1.0f);
      const absl::Status status = group.AllReduce(step.tag, absl::MakeSpan(data));
      if (!status.ok()) return status;
    }
    return group.EndStep();
  })[0];
}

TEST(PlanAuditTest, AStepThatFollowsItsPlanIsFine) {
  const std::vector<CollectiveStep> plan = {Planned(TrafficClass::kActivationForward, 10),
                                            Planned(TrafficClass::kActivationBackward, 10, "bf16"),
                                            Planned(TrafficClass::kGradSync, 3)};
  EXPECT_TRUE(Step(plan, plan).ok());
}

TEST(PlanAuditTest, AnotherSizeClassOrLayerIsInternalAndNamesBoth) {
  const CollectiveStep planned = Planned(TrafficClass::kActivationForward, 10);
  for (const CollectiveStep& actual :
       {Planned(TrafficClass::kActivationForward, 11), Planned(TrafficClass::kGradSync, 10),
        Planned(TrafficClass::kActivationForward, 10, "fp32", 1)}) {
    const absl::Status status = Step({planned}, {actual});
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(
        Message(status),
        HasSubstr("plan audit: the step differs from its plan (rank=0 step=7 index=0 want={"));
    EXPECT_THAT(Message(status), HasSubstr("got={"));
  }
}

TEST(PlanAuditTest, ACollectiveTooManyOrTooFewIsInternal) {
  const CollectiveStep one = Planned(TrafficClass::kActivationForward, 10);
  EXPECT_THAT(Message(Step({one}, {one, one})), HasSubstr("that the plan does not have"));
  EXPECT_THAT(Message(Step({one, one}, {one})), HasSubstr("ended early"));
}

double Sum(const v1::Breakdown& b) {
  return b.compute() + b.software() + b.queueing() + b.serialization() + b.propagation() +
         b.jitter() + b.straggler() + b.staging();
}

TEST(StatsTest, TheBreakdownAddsUpToTheStepAndBytesAreCountedByClass) {
  LocalCluster cluster(2);
  CollectiveGroupOptions options;
  options.choose = FixedAlgorithm("direct");
  options.wire_backward = "bf16";
  ExpectAllOk(cluster.OnEachGroup(options, [](CollectiveGroup& group) {
    const std::vector<CollectiveStep> plan = {
        Planned(TrafficClass::kActivationForward, 100),
        Planned(TrafficClass::kActivationBackward, 100, "bf16")};
    group.BeginStep(0, plan);
    for (const CollectiveStep& step : plan) {
      std::vector<float> data(step.elements, 1.0f);
      const absl::Status status = group.AllReduce(step.tag, absl::MakeSpan(data));
      if (!status.ok()) return status;
    }
    const absl::Status end = group.EndStep();
    const StepStats stats = group.TakeStats();
    EXPECT_NEAR(Sum(stats.breakdown_seconds), absl::ToDoubleSeconds(stats.elapsed), 1e-9);
    EXPECT_EQ(stats.bytes.activation_fwd(), 400);
    EXPECT_EQ(stats.bytes.activation_bwd(), 200);
    EXPECT_EQ(stats.messages, 2);
    EXPECT_EQ(stats.compute_gaps.size(), 3u);
    EXPECT_EQ(stats.fidelity.messages(), 0);
    EXPECT_EQ(group.TakeStats().elapsed, absl::ZeroDuration());
    return end;
  }));
}

TEST(StatsTest, CopiesOfAnAcceleratorAreStagingAndNoCompute) {
  LocalCluster cluster(2);
  ExpectAllOk(cluster.OnEachGroup({}, [](CollectiveGroup& group) {
    const CollectiveStep step = Planned(TrafficClass::kActivationForward, 100);
    std::vector<float> data(step.elements, 1.0f);
    group.BeginStep(0, {step, step});
    for (int i = 0; i < 2; ++i) {
      group.BeginStaging();
      PassSomeTime();
      const absl::Status status = group.AllReduce(step.tag, absl::MakeSpan(data));
      if (!status.ok()) return status;
      PassSomeTime();
      group.EndStaging();
    }
    const absl::Status end = group.EndStep();
    const StepStats stats = group.TakeStats();
    EXPECT_GE(stats.breakdown_seconds.staging(), 4 * 50e-6);
    EXPECT_EQ(stats.staged_bytes, 4 * 400);
    EXPECT_NEAR(Sum(stats.breakdown_seconds), absl::ToDoubleSeconds(stats.elapsed), 1e-9);
    double compute = 0;
    for (const absl::Duration gap : stats.compute_gaps) compute += absl::ToDoubleSeconds(gap);
    EXPECT_NEAR(stats.breakdown_seconds.compute(), compute, 1e-9);
    EXPECT_EQ(stats.compute_gaps.size(), 3u);
    return end;
  }));
}

TEST(BenchTest, ReportsARowPerSizeAndAlgorithmAndRejectsOddSizes) {
  LocalCluster cluster(2);
  ExpectAllOk(cluster.OnEachGroup({}, [](CollectiveGroup& group) {
    v1::BenchTask task;
    task.add_bytes(4);
    task.add_bytes(4096);
    task.add_algorithms("ring");
    task.add_algorithms("auto");
    task.set_iterations(3);
    const auto report = BenchAllReduce(task, "none", &group);
    if (!report.ok()) return report.status();
    EXPECT_EQ(report->rows_size(), 4);
    EXPECT_EQ(report->rows(0).algorithm(), "ring");
    EXPECT_EQ(report->rows(3).algorithm(), "two_phase");
    EXPECT_EQ(report->rows(3).bytes(), 4096);
    EXPECT_GT(report->rows(3).median_us(), 0);
    EXPECT_LE(report->rows(3).median_us(), report->rows(3).p99_us());
    task.set_bytes(0, 3);
    EXPECT_EQ(BenchAllReduce(task, "none", &group).status().code(),
              absl::StatusCode::kInvalidArgument);
    return absl::OkStatus();
  }));
}

// One medium for all ranks of the process.
class SharedMedium final : public MediumReservation {
 public:
  absl::StatusOr<absl::Time> Reserve(absl::Time handover, absl::Duration airtime) override {
    std::lock_guard<std::mutex> lock(mutex_);
    return arbiter_.Grant(handover, airtime);
  }

 private:
  std::mutex mutex_;
  MediumArbiter arbiter_;
};

// Nobody's bytes may be on the air before the last rank has entered, and the last to leave is who
// counts: four ranks send twelve messages of 1 ms, one after another.
TEST(BenchTest, ARoundOfFourRanksIsNeverShorterThanItsAirtime) {
  SharedMedium medium;
  CollectiveGroupOptions options;
  options.network.link.rate_bits_per_second = 32e6;
  options.network.shared_medium = true;
  options.medium = &medium;
  LocalCluster cluster(4);
  ExpectAllOk(cluster.OnEachGroup(options, [](CollectiveGroup& group) {
    v1::BenchTask task;
    task.add_bytes(4000);
    task.add_algorithms("direct");
    task.set_warmup(1);
    task.set_iterations(10);
    const auto report = BenchAllReduce(task, "cell", &group);
    if (!report.ok()) return report.status();
    EXPECT_GE(report->rows(0).median_us(), 11'000);  // a rank may come a little late to the start
    EXPECT_EQ(report->rows(0).iterations(), 10);
    EXPECT_FALSE(report->verdict().reason().empty());
    return absl::OkStatus();
  }));
}

TEST(BenchTest, AllRanksGetTheSameReportWithItsSpread) {
  LocalCluster cluster(3);
  std::vector<std::string> reports(3);
  ExpectAllOk(cluster.OnEachGroup({}, [&reports](CollectiveGroup& group) {
    v1::BenchTask task;
    task.add_bytes(4096);
    task.add_algorithms("two_phase");
    task.set_warmup(5);
    const auto report = BenchAllReduce(task, "none", &group);
    if (!report.ok()) return report.status();
    reports[group.rank()] = report->DebugString();
    const v1::BenchRow& row = report->rows(0);
    EXPECT_GE(row.iterations(), 9);
    EXPECT_LE(row.min_us(), row.p25_us());
    EXPECT_LE(row.p25_us(), row.median_us());
    EXPECT_LE(row.median_us(), row.p75_us());
    EXPECT_LE(row.p75_us(), row.p99_us());
    EXPECT_LE(row.p99_us(), row.max_us());
    return absl::OkStatus();
  }));
  EXPECT_EQ(reports[0], reports[1]);
  EXPECT_EQ(reports[0], reports[2]);
}

}  // namespace
}  // namespace edgetp
