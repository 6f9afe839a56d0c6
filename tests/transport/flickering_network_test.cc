// A network that is another one whenever somebody looks at it: no message may get lost between two
// looks.
#include "common/base/random.h"
#include "common/collective/registry.h"
#include "tests/transport/local_cluster.h"
#include "worker/collective/emulation.h"
#include "worker/collective/schedule_executor.h"

namespace edgetp {
namespace {

constexpr uint64_t kSeed = 7;

// One look in eight finds the rank cut off, three find no network at all.
class FlickeringNetwork final : public EmulatedNetwork {
 public:
  FlickeringNetwork(int rank, int world_size)
      : EmulatedNetwork(rank, world_size, NetworkOptions(), kSeed, nullptr),
        rank_(rank),
        world_size_(world_size) {}

  int64_t looks() const { return static_cast<int64_t>(looks_); }

 protected:
  std::optional<NetworkOptions> NextState() override {
    NetworkOptions next;
    const uint64_t state = RandomBits(kSeed, rank_, looks_++) % 8;
    if (state == 0) {
      for (int rank = 0; rank < world_size_; ++rank) next.partition_group.push_back(rank);
    } else if (state > 3) {
      next.link.delay = absl::Microseconds(20);
      next.link.jitter = absl::Microseconds(5);
    }
    return next;
  }

 private:
  const int rank_;
  const int world_size_;
  uint64_t looks_ = 0;
};

// So many all-reduces on every rank, each over another network than the one before.
void ExpectEverySum(int world_size, int rounds) {
  constexpr int64_t kCount = 700;  // two segments of a chunk
  LocalCluster cluster(world_size);
  std::vector<std::unique_ptr<PeerGroup>> groups(world_size);
  ExpectAllOk(cluster.OnEachRank([&](int rank) {
    groups[rank] = cluster.Connected(rank);
    return absl::OkStatus();
  }));
  const Schedule schedule = (*FindAlgorithm("two_phase"))->build(world_size, kCount, 1);
  ExpectAllOk(cluster.OnEachRank([&](int rank) {
    FlickeringNetwork network(rank, world_size);
    DeviceClock clock(std::nullopt);
    ScheduleExecutor executor(groups[rank].get(), &network, &clock, 1000);
    for (int round = 0; round < rounds; ++round) {
      std::vector<float> data(kCount, static_cast<float>(rank + 1));
      Execution execution;
      execution.schedule = &schedule;
      execution.wire = WireFormat::Parse(round % 2 == 0 ? "fp32" : "bf16").value();
      execution.collective = round;
      execution.deadline = MonotonicNow() + kTestDeadline;
      ExecutionReport report;
      const absl::Status status = executor.Run(execution, absl::MakeSpan(data), &report);
      if (!status.ok()) return status;
      const float want = static_cast<float>(world_size * (world_size + 1) / 2);
      if (data != std::vector<float>(kCount, want)) return absl::DataLossError("a wrong sum");
    }
    EXPECT_GT(network.looks(), 2 * rounds);
    return absl::OkStatus();
  }));
}

TEST(FlickeringNetworkTest, NoMessageIsLostBetweenTwoLooksAtTheNetwork) { ExpectEverySum(2, 1500); }

TEST(FlickeringNetworkTest, SumsOfSeveralPeersArriveInWhateverOrderTheNetworkAsksFor) {
  ExpectEverySum(3, 300);
}

}  // namespace
}  // namespace edgetp
