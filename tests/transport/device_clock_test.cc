// Pacing: what a rank does takes as long as on its device, in the rank's own accounts and on the
// host's clock.
#include "worker/collective/device_clock.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/algorithm/container.h"
#include "tests/transport/local_cluster.h"

namespace edgetp {
namespace {

constexpr absl::Duration kCompute = absl::Milliseconds(15);
constexpr absl::Duration kOverhead = absl::Milliseconds(3);
constexpr int64_t kCount = 100;

CollectiveGroupOptions Paced(NetworkOptions network = NetworkOptions()) {
  CollectiveGroupOptions options;
  options.choose = FixedAlgorithm("direct");
  options.network = std::move(network);
  options.device = DeviceOptions{.message_overhead = kOverhead};
  return options;
}

// One all-reduce between two compute segments; what it cost.
absl::StatusOr<StepStats> OneStep(CollectiveGroup& group, absl::Duration compute) {
  group.BeginStep(0, {{kForwardTag, kCount, group.WireOf(kForwardTag.traffic)}},
                  {compute, compute});
  std::vector<float> data(kCount, 1.0f);
  absl::Status status = group.AllReduce(kForwardTag, absl::MakeSpan(data));
  if (status.ok()) status = group.EndStep();
  if (!status.ok()) return status;
  EXPECT_NEAR(data[0], 2.0f, 0.1);  // encoded or not
  return group.TakeStats();
}

double Sum(const v1::Breakdown& b) {
  return b.compute() + b.software() + b.queueing() + b.serialization() + b.propagation() +
         b.jitter() + b.straggler() + b.staging();
}

TEST(DeviceClockTest, AStepLastsAtLeastWhatDeviceAndNetworkTake) {
  LocalCluster cluster(2);
  NetworkOptions network;
  network.link.delay = absl::Milliseconds(10);
  const absl::Duration kOwn = 2 * kCompute + 2 * kOverhead;
  std::vector<absl::Duration> lasted(cluster.world_size());
  ExpectAllOk(cluster.OnEachGroup(Paced(network), [&](CollectiveGroup& group) {
    const absl::Time begin = MonotonicNow();
    const auto stats = OneStep(group, kCompute);
    if (!stats.ok()) return stats.status();
    lasted[group.rank()] = MonotonicNow() - begin;
    EXPECT_NEAR(Sum(stats->breakdown_seconds), absl::ToDoubleSeconds(stats->elapsed), 1e-9);
    EXPECT_GE(stats->breakdown_seconds.compute(), 2 * absl::ToDoubleSeconds(kCompute));
    EXPECT_GE(stats->breakdown_seconds.software(), 2 * absl::ToDoubleSeconds(kOverhead) - 1e-9);
    return absl::OkStatus();
  }));
  // A rank that begins late finds the other's message on its way; the one that begins first waits
  // for all of the delay.
  EXPECT_GE(*absl::c_min_element(lasted), kOwn);
  EXPECT_GE(*absl::c_max_element(lasted), kOwn + network.link.delay);
}

TEST(DeviceClockTest, MessagesCostOnANetworkWithoutLimitsToo) {
  LocalCluster cluster(2);
  ExpectAllOk(cluster.OnEachGroup(Paced(), [](CollectiveGroup& group) {
    const auto stats = OneStep(group, kCompute);
    if (!stats.ok()) return stats.status();
    EXPECT_GE(stats->elapsed, 2 * kCompute + 2 * kOverhead);
    return absl::OkStatus();
  }));
}

// As the simulator charges it: encoded once, decoded once, rotated before and after.
TEST(DeviceClockTest, EncodingTakesTheDevicesTime) {
  LocalCluster cluster(2);
  CollectiveGroupOptions options = Paced();
  const absl::Duration kCodec = absl::Milliseconds(2);
  options.device->codec_bytes_per_second = kCount * sizeof(float) / absl::ToDoubleSeconds(kCodec);
  for (const auto& [wire, codings] :
       {std::pair("fp32", 0), {"bf16", 0}, {"int8", 2}, {"int8+hadamard", 4}}) {
    options.wire_forward = wire;
    const double want = absl::ToDoubleSeconds(2 * kOverhead + codings * kCodec);
    ExpectAllOk(cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
      const auto stats = OneStep(group, kCompute);
      if (!stats.ok()) return stats.status();
      EXPECT_GE(stats->breakdown_seconds.software(), want - 1e-9) << wire;
      return absl::OkStatus();
    }));
  }
}

TEST(DeviceClockTest, ComputeBeyondTheDevicesIsAnOverrun) {
  LocalCluster cluster(2);
  ExpectAllOk(cluster.OnEachGroup(Paced(), [](CollectiveGroup& group) {
    const auto stats = OneStep(group, absl::Nanoseconds(1));
    if (!stats.ok()) return stats.status();
    EXPECT_GT(stats->fidelity.overrun_seconds(), 0);
    return absl::OkStatus();
  }));
}

TEST(DeviceClockTest, OutsideOfPacedStepsTheHostsClockCounts) {
  DeviceClock clock(DeviceOptions{.message_overhead = absl::Hours(1)});
  EXPECT_FALSE(clock.paced());
  clock.SpendSending(1, 0);
  clock.SpendReceiving();
  EXPECT_LT(absl::AbsDuration(clock.Now() - MonotonicNow()), absl::Minutes(1));
  clock.BeginStep({});
  EXPECT_FALSE(clock.paced());
}

TEST(DeviceClockTest, APacedClockMovesByWhatIsSpentAndNeverBack) {
  DeviceOptions device{.message_overhead = absl::Hours(1), .staging_bytes_per_second = 4.0 / 3600};
  device.message_bytes_per_second = 1.0 / 3600;
  device.codec_bytes_per_second = 4.0 / 3600;
  DeviceClock clock(device);
  clock.BeginStep({absl::ZeroDuration()});
  absl::Time begin = clock.Now();
  clock.SpendSending(2, 0);
  EXPECT_EQ(clock.Now(), begin + absl::Hours(3));
  begin = clock.Now();
  clock.SpendReceiving();
  EXPECT_EQ(clock.Now(), begin + absl::Hours(1));
  clock.SpendStaging(8);
  EXPECT_EQ(clock.Now(), begin + absl::Hours(3));
  begin = clock.Now();
  const WireFormat rotated = WireFormat::Parse("int4+hadamard").value();
  clock.SpendCodec(rotated, 2);
  clock.SpendRotation(rotated, 2);
  clock.SpendRotation(WireFormat::Parse("int4").value(), 2);
  clock.SpendCodec(WireFormat::Parse("bf16").value(), 2);
  EXPECT_EQ(clock.Now(), begin + absl::Hours(4));
  begin = clock.Now() - absl::Hours(3);
  clock.Reach(begin);
  EXPECT_EQ(clock.Now(), begin + absl::Hours(3));
  clock.Reach(begin + absl::Hours(4));
  EXPECT_EQ(clock.Now(), begin + absl::Hours(4));
  clock.EndStep();
  EXPECT_FALSE(clock.paced());
}

TEST(DeviceClockTest, AStepAfterAnInterruptionBeginsWhenItBegins) {
  DeviceClock clock(DeviceOptions{});
  clock.BeginStep({absl::Microseconds(1)});
  clock.EndSegment();
  clock.EndStep();
  clock.Interrupt();
  const absl::Time now = MonotonicNow();
  EXPECT_GE(clock.BeginStep({absl::Microseconds(1)}), now);
}

}  // namespace
}  // namespace edgetp
