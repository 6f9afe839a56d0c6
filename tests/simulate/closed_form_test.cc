// Closed forms: what all-reduces take on uniform links, derived by hand, to a microsecond.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

#include "common/network/network_profile.h"
#include "tests/simulate/uniform.h"

namespace edgetp {
namespace {

using testing::AllReducePlan;
using testing::ExpectNear;
using testing::kDelay;
using testing::kElements;
using testing::kRate;
using testing::NoCompute;
using testing::OneAllReduce;
using testing::OnWire;
using testing::RunOnce;
using testing::UniformOptions;

// Notation of the derivations: P ranks, an all-reduce of n bytes, links of delay d and rate r, and
// w(x) = 8 x / r, the time of x bytes on the wire. Every rank has one interface in each direction,
// so that what it sends leaves one after another, and what it receives comes in one after another.
// All ranks enter at 0 and compute costs nothing.

// Each rank sends its n bytes to P-1 peers: its last message leaves by (P-1) w(n), and the last bit
// is there d later. Everybody begins with the right neighbour, so in round k each rank sends one
// message and receives one: nothing queues at a receiver. T = d + (P-1) w(n).
TEST(ClosedFormTest, Direct) {
  for (const int p : {2, 3, 4, 5, 7, 8}) {
    ExpectNear(OneAllReduce(UniformOptions(p, "direct")), kDelay + (p - 1) * OnWire(kElements));
  }
}

// Two of the above, of n/P bytes for each peer. A rank sends its sum when its own chunk is
// complete, at d + (P-1) w(n/P), when its interface is free again. T = 2 d + 2 (P-1) w(n/P).
TEST(ClosedFormTest, TwoPhase) {
  for (const int p : {2, 3, 4, 5, 7, 8}) {
    ExpectNear(OneAllReduce(UniformOptions(p, "two_phase")),
               2 * kDelay + 2 * (p - 1) * OnWire(1.0 * kElements / p));
  }
}

// 2 (P-1) rounds; in each, a rank sends n/P bytes that it has received in the round before, which
// takes d + w(n/P). No interface is used twice in a round. T = 2 (P-1) (d + w(n/P)).
TEST(ClosedFormTest, Ring) {
  for (const int p : {2, 3, 4, 5, 7, 8}) {
    ExpectNear(OneAllReduce(UniformOptions(p, "ring")),
               2 * (p - 1) * (kDelay + OnWire(1.0 * kElements / p)));
  }
}

// m slices for each of P chunks, w = w(n/P/m) for one. The first m leave one after another, by m w.
// Slice k of a step is there d later than it leaves, and goes on at once, unless the interface still
// sends slices of the step before: so a step begins max(m w, w + d) after the one before it, and the
// last of 2 (P-1) takes m w + d. T = (2 (P-1) - 1) max(m w, w + d) + m w + d.
TEST(ClosedFormTest, RingSliced) {
  for (const int p : {2, 3, 4, 5, 7, 8}) {
    for (const int m : {1, 2, 4, 16}) {
      TimelineOptions options = UniformOptions(p, "ring_sliced");
      options.slice_bytes = 4 * kElements / p / m;
      const absl::Duration w = OnWire(1.0 * kElements / p / m);
      ExpectNear(OneAllReduce(options),
                 (2 * (p - 1) - 1) * std::max(m * w, w + kDelay) + m * w + kDelay);
    }
  }
}

TEST(ClosedFormTest, OneSlicePerChunkIsTheRing) {
  TimelineOptions options = UniformOptions(4, "ring_sliced");
  options.slice_bytes = 4 * kElements;
  EXPECT_EQ(OneAllReduce(options), OneAllReduce(UniformOptions(4, "ring")));
}

// Q ranks, a power of two. Halving round i = 1 .. log2 Q exchanges n/2^i bytes with one partner,
// and doubling exchanges the same sizes in the opposite order. Each round depends on the one
// before: d each, and sum over i of w(n/2^i) = w(n (Q-1)/Q), twice. T = 2 log2(Q) d + 2 w(n
// (Q-1)/Q).
absl::Duration HalvingAndDoubling(int core) {
  const int rounds = std::bit_width(static_cast<unsigned>(core)) - 1;
  return 2 * rounds * kDelay + 2 * OnWire(1.0 * kElements * (core - 1) / core);
}

TEST(ClosedFormTest, HalvingDoubling) {
  for (const int p : {2, 4, 8}) {
    ExpectNear(OneAllReduce(UniformOptions(p, "halving_doubling")), HalvingAndDoubling(p));
  }
}

// Q < P: before, P-Q ranks send n bytes to a partner in the core, and after, they get n bytes back:
// 2 (d + w(n)) more.
TEST(ClosedFormTest, HalvingDoublingFoldsAndUnfoldsOtherWorldSizes) {
  for (const int p : {3, 5, 7}) {
    TimelineOptions options = UniformOptions(p, "halving_doubling");
    options.network.interface_sharing =
        false;  // else the fold shares its receiver with early halves
    const int core = static_cast<int>(std::bit_floor(static_cast<unsigned>(p)));
    ExpectNear(OneAllReduce(options), 2 * (kDelay + OnWire(kElements)) + HalvingAndDoubling(core));
  }
}

// P-1 messages of n bytes leave at 0 for the hub, whose interface takes them in one after another:
// the last is there at d + (P-1) w(n). Then the hub's interface sends P-1 sums one after another.
// T = 2 d + 2 (P-1) w(n).
TEST(ClosedFormTest, Star) {
  for (const int p : {2, 3, 4, 5, 7, 8}) {
    ExpectNear(OneAllReduce(UniformOptions(p, "star")),
               2 * kDelay + 2 * (p - 1) * OnWire(kElements));
  }
}

TEST(ClosedFormTest, SegmentsDoNotChangeTheTimeOfAMessage) {
  TimelineOptions options = UniformOptions(4, "direct");
  options.segment_bytes = 1000;
  ExpectNear(OneAllReduce(options), kDelay + 3 * OnWire(kElements));
}

TEST(ClosedFormTest, WithoutInterfaceSharingDirectTakesOneMessageTime) {
  TimelineOptions options = UniformOptions(8, "direct");
  options.network.interface_sharing = false;
  ExpectNear(OneAllReduce(options), kDelay + OnWire(kElements));
}

// One queue for all: P (P-1) messages of n bytes, one at a time, and the delay of the last.
TEST(ClosedFormTest, OnASharedMediumEveryByteOfEverybodyIsSerialized) {
  for (const int p : {2, 4, 5}) {
    TimelineOptions options = UniformOptions(p, "direct");
    options.network.shared_medium = true;
    ExpectNear(OneAllReduce(options), kDelay + p * (p - 1) * OnWire(kElements));
  }
}

// Two devices behind access links are two hops of d apart; up at r, down at r.
TEST(ClosedFormTest, DirectBetweenAccessLinksTakesTwoDelays) {
  v1::NetworkProfile profile;
  profile.set_hop(v1::HOP_ACCESS);
  profile.mutable_link()->set_delay_us(absl::ToDoubleMicroseconds(kDelay));
  profile.mutable_link()->set_rate_bits_per_second(kRate);
  for (const int p : {2, 4, 5}) {
    TimelineOptions options = UniformOptions(p, "direct");
    options.network = ResolveNetwork(profile, p).value();
    ExpectNear(OneAllReduce(options), 2 * kDelay + (p - 1) * OnWire(kElements));
  }
  // A cell carries every byte of everybody twice.
  profile.set_shared_medium(true);
  for (const int p : {2, 4, 5}) {
    TimelineOptions options = UniformOptions(p, "direct");
    options.network = ResolveNetwork(profile, p).value();
    ExpectNear(OneAllReduce(options), 2 * kDelay + 2 * p * (p - 1) * OnWire(kElements));
  }
}

// One spoke's links are ten times as slow: it alone is late with its part, and with the sum. The hub
// takes and sends the other spokes' messages meanwhile, in the order of the ranks: the slow one's is
// the last, or waits behind nobody. T = 2 d + 2 w(n) * 10, as of that spoke alone.
TEST(ClosedFormTest, AStarIsAsSlowAsItsSlowestSpokeAndNoSlower) {
  for (const int p : {2, 4, 5}) {
    TimelineOptions options = UniformOptions(p, "star");
    LinkOptions slow = options.network.link;
    slow.rate_bits_per_second = kRate / 10;
    options.network.overrides[{0, 1}] = options.network.overrides[{1, 0}] = slow;
    options.network.interface_rate_bits_per_second = kRate;
    ExpectNear(OneAllReduce(options), 2 * kDelay + 20 * OnWire(kElements));
  }
}

// o at the sender before and o at the receiver after each of the 2 (P-1) dependent messages.
TEST(ClosedFormTest, SoftwareCostsAreOnThePathOfEveryMessage) {
  TimelineOptions options = UniformOptions(4, "ring");
  DeviceOptions device;
  device.message_overhead = absl::Microseconds(250);
  options.devices = {device};
  ExpectNear(OneAllReduce(options),
             6 * (kDelay + OnWire(kElements / 4) + 2 * device.message_overhead));
}

// One message each way: T = o + d + w(n) + o.
TEST(ClosedFormTest, DirectBetweenTwoPaysForOneMessageAtEachEnd) {
  TimelineOptions options = UniformOptions(2, "direct");
  DeviceOptions device;
  device.message_overhead = absl::Microseconds(250);
  options.devices = {device};
  ExpectNear(OneAllReduce(options), kDelay + OnWire(kElements) + 2 * device.message_overhead);
}

// A hub pays o for each of P-1 messages that it receives, and again for each that it sends; where
// w(n) < o it is the software, not the wire, that the last spoke waits for: o (its own sending) + d
// + w(n) (the first message is there; the others wait for the hub's software) + (P-1) o + (P-1) o +
// w(n) + d + o.
TEST(ClosedFormTest, AStarsHubIsBoundByItsSoftwareWhereMessagesAreSmall) {
  for (const int p : {2, 4, 8}) {
    TimelineOptions options = UniformOptions(p, "star");
    DeviceOptions device;
    device.message_overhead = absl::Microseconds(500);
    options.devices = {device};
    const int64_t elements = 100;
    ExpectNear(OneAllReduce(options, elements),
               2 * (kDelay + OnWire(elements)) + 2 * p * device.message_overhead);
  }
}

TEST(ClosedFormTest, StagingIsPaidBeforeAndAfter) {
  TimelineOptions options = UniformOptions(2, "direct");
  DeviceOptions device;
  device.staging_bytes_per_second = 1e9;
  options.devices = {device};
  ExpectNear(OneAllReduce(options),
             kDelay + OnWire(kElements) + 2 * absl::Seconds(4e-9 * kElements));
}

TEST(ClosedFormTest, AStepIsItsComputePlusItsCollectives) {
  const StepPlan plan = AllReducePlan(2, {kElements, kElements, 1});
  const ComputeTable compute(2, std::vector<absl::Duration>(4, absl::Milliseconds(2)));
  const StepTimeline step = RunOnce(UniformOptions(2, "direct"), plan, compute);
  ExpectNear(step.duration,
             4 * absl::Milliseconds(2) + 3 * kDelay + 2 * OnWire(kElements) + OnWire(1));
  EXPECT_EQ(step.ranks[0].breakdown.compute, absl::Milliseconds(8));
}

TEST(ClosedFormTest, NarrowerElementsTakeLessOfTheWire) {
  StepPlan plan = AllReducePlan(2, {kElements});
  for (auto& steps : plan.steps)
    std::get<CollectiveStep>(steps[0]).wire = WireFormat::Parse("bf16").value();
  ExpectNear(RunOnce(UniformOptions(2, "direct"), plan, NoCompute(plan)).duration,
             kDelay + OnWire(kElements / 2));
}

}  // namespace
}  // namespace edgetp
