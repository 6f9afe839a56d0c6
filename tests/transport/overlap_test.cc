// Collectives that are started and waited for: the same sums as blocking ones, and errors that reach
// who waits.
#include <chrono>
#include <functional>
#include <future>
#include <thread>

#include "common/collective/registry.h"
#include "gmock/gmock.h"
#include "tests/transport/forwarding_transport.h"
#include "tests/transport/local_cluster.h"
#include "worker/transport/blame.h"

namespace edgetp {
namespace {

using testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

CollectiveTag TagOf(int index) {
  const bool forward = index % 2 == 0;
  return {forward ? TrafficClass::kActivationForward : TrafficClass::kActivationBackward,
          forward ? Phase::kForward : Phase::kBackward, index};
}

// Six buffers of several sizes, an empty one among them.
std::vector<std::vector<float>> Buffers(int rank) {
  std::vector<std::vector<float>> buffers;
  for (const int64_t size : {5000, 1, 0, 777, 5000, 12}) {
    buffers.push_back(TestValues(rank + static_cast<int>(buffers.size()), size));
  }
  return buffers;
}

absl::Status SumEach(CollectiveGroup& group, std::vector<std::vector<float>>* buffers) {
  for (size_t i = 0; i < buffers->size(); ++i) {
    const absl::Status status =
        group.AllReduce(TagOf(static_cast<int>(i)), absl::MakeSpan((*buffers)[i]));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// The same exchanges in the same order: 0, 1 and 2 are started, 3 blocks, 4 is started and waited for
// before 1, 5 blocks, and 2 and 0 come last.
absl::Status SumOverlapped(CollectiveGroup& group, std::vector<std::vector<float>>* buffers) {
  std::vector<int64_t> handles(buffers->size());
  const auto start = [&](int i) {
    const auto handle = group.Start(TagOf(i), absl::MakeSpan((*buffers)[i]));
    handles[i] = handle.value_or(-1);
    return handle.status();
  };
  const auto wait = [&](int i) { return group.Wait(handles[i]); };
  const auto all_reduce = [&](int i) {
    return group.AllReduce(TagOf(i), absl::MakeSpan((*buffers)[i]));
  };
  absl::Status status;
  status.Update(start(0));
  status.Update(start(1));
  status.Update(start(2));
  status.Update(all_reduce(3));
  status.Update(start(4));
  status.Update(wait(4));
  status.Update(wait(1));
  status.Update(all_reduce(5));
  status.Update(wait(2));
  status.Update(wait(0));
  return status;
}

class EveryAlgorithmOverlap : public testing::TestWithParam<std::string> {};

TEST_P(EveryAlgorithmOverlap, SumsHaveTheBitsOfBlockingOnes) {
  for (const int world_size : {1, 2, 3, 4, 5}) {
    for (const bool overlap : {true, false}) {
      LocalCluster cluster(world_size);
      CollectiveGroupOptions options;
      options.choose = FixedAlgorithm(GetParam());
      options.segment_bytes = 1000;
      options.wire_backward = "bf16";
      if (CheckFormat(**FindAlgorithm(GetParam()), *WireFormat::Parse("int4+hadamard")).ok())
        options.wire_forward = "int4+hadamard";
      options.overlap = overlap;
      ExpectAllOk(cluster.OnEachGroup(options, [](CollectiveGroup& group) {
        std::vector<std::vector<float>> want = Buffers(group.rank());
        absl::Status status = SumEach(group, &want);
        for (int round = 0; round < 3 && status.ok(); ++round) {
          std::vector<std::vector<float>> got = Buffers(group.rank());
          status = SumOverlapped(group, &got);
          EXPECT_EQ(got, want) << "round " << round;
        }
        return status;
      }));
    }
  }
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Algorithm& algorithm : Algorithms()) names.push_back(algorithm.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Registry, EveryAlgorithmOverlap, testing::ValuesIn(Names()),
                         [](const auto& info) { return info.param; });

TEST(OverlapTest, RanksWithoutACommonClockOverlapToo) {
  LocalCluster cluster(3);
  cluster.members()[1].clock_domain = "another";
  CollectiveGroupOptions options;
  options.network.link.delay = absl::Milliseconds(2);
  ExpectAllOk(cluster.OnEachGroup(options, [](CollectiveGroup& group) {
    EXPECT_FALSE(group.one_clock());
    std::vector<std::vector<float>> want = Buffers(group.rank());
    std::vector<std::vector<float>> got = want;
    absl::Status status = SumEach(group, &want);
    status.Update(SumOverlapped(group, &got));
    EXPECT_EQ(got, want);
    return status;
  }));
}

// Buffers are freed as soon as the group has said that something failed: under ASan, nothing touches
// them any more.
TEST(OverlapFailureTest, WhicheverSendFailsEveryRankEndsWithAStatus) {
  for (int failing = 0; failing < 12; ++failing) {
    LocalCluster cluster(3);
    CollectiveGroupOptions options;
    options.segment_bytes = 1000;
    const auto results = cluster.OnEachGroup(
        options,
        [](CollectiveGroup& group) {
          std::vector<std::vector<float>> buffers = Buffers(group.rank());
          return SumOverlapped(group, &buffers);
        },
        [failing](int rank,
                  std::unique_ptr<SegmentTransport> inner) -> std::unique_ptr<SegmentTransport> {
          if (rank != 1) return inner;
          return std::make_unique<FailingTransport>(std::move(inner), failing);
        });
    EXPECT_THAT(Message(results[1]), HasSubstr("injected"));
    for (const int other : {0, 2}) {
      EXPECT_TRUE(results[other].ok() || results[other].code() == absl::StatusCode::kUnavailable)
          << results[other];
    }
  }
}

// Rank 0 starts two exchanges that the other one never joins, lets `meanwhile` happen, and waits.
absl::Status Abandoned(const CollectiveGroupOptions& options,
                       const std::function<void(CollectiveGroup&)>& meanwhile,
                       const std::function<absl::Status(CollectiveGroup&, int64_t)>& wait) {
  LocalCluster cluster(2);
  std::promise<void> done;  // the other stays until then: its end must not be what rank 0 sees
  return cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
    if (group.rank() == 1) {
      done.get_future().wait_for(std::chrono::seconds(20));
      return absl::OkStatus();
    }
    std::vector<float> first(5000, 1.0f);
    std::vector<float> second(5000, 1.0f);
    const auto handle = group.Start(kForwardTag, absl::MakeSpan(first));
    const auto behind = group.Start(kForwardTag, absl::MakeSpan(second));
    EXPECT_TRUE(handle.ok() && behind.ok());
    meanwhile(group);
    const absl::Status status = wait(group, *handle);
    EXPECT_FALSE(group.Wait(*behind).ok());
    EXPECT_FALSE(group.AllReduce(kForwardTag, absl::MakeSpan(first)).ok());
    done.set_value();
    return status;
  })[0];
}

absl::Status JustWait(CollectiveGroup& group, int64_t handle) { return group.Wait(handle); }

TEST(OverlapFailureTest, AbortReachesWhatIsUnderWay) {
  const absl::Status cause = absl::AbortedError("rank 3 failed: disk full");
  const absl::Status before = Abandoned(
      {}, [&](CollectiveGroup& group) { group.Abort(cause); }, &JustWait);
  EXPECT_EQ(before.code(), cause.code());
  EXPECT_THAT(Message(before), HasSubstr("disk full"));
  const absl::Status during = Abandoned(
      {}, [](CollectiveGroup&) {},
      [&](CollectiveGroup& group, int64_t handle) {
        std::thread control([&] { group.Abort(cause); });
        const absl::Status status = group.Wait(handle);
        control.join();
        return status;
      });
  EXPECT_THAT(Message(during), HasSubstr("disk full"));
}

TEST(OverlapFailureTest, TheDeadlineCountsFromWhenAnExchangeBegins) {
  CollectiveGroupOptions options;
  options.deadline = absl::Milliseconds(20);
  const absl::Status status = Abandoned(
      options, [](CollectiveGroup&) {}, &JustWait);
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(Message(status), HasSubstr("all_reduce recv: deadline exceeded (rank=0 peer=1"));
}

TEST(OverlapFailureTest, ABlockingCollectiveFailsWithWhatFailedBeforeIt) {
  CollectiveGroupOptions options;
  options.deadline = absl::Milliseconds(20);
  const absl::Status status = Abandoned(
      options, [](CollectiveGroup&) {},
      [](CollectiveGroup& group, int64_t) {
        float scalar = 1;
        return group.AllReduce(kForwardTag, absl::MakeSpan(&scalar, 1));
      });
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST(OverlapFailureTest, APeerThatIsGoneIsNamed) {
  LocalCluster cluster(2);
  const auto results = cluster.OnEachGroup({}, [](CollectiveGroup& group) {
    if (group.rank() == 1) {
      group.Abort(absl::InternalError("crash"));
      return absl::OkStatus();
    }
    std::vector<float> data(5000, 1.0f);
    const auto handle = group.Start(kForwardTag, absl::MakeSpan(data));
    return handle.ok() ? group.Wait(*handle) : handle.status();
  });
  EXPECT_EQ(results[0].code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(BlamedRank(results[0]), 1);
}

TEST(OverlapFailureTest, AGroupMayEndWhileExchangesAreUnderWay) {
  LocalCluster cluster(2);
  std::vector<std::unique_ptr<PeerGroup>> peers(2);
  ExpectAllOk(cluster.OnEachRank([&](int rank) {
    peers[rank] = cluster.Connected(rank);
    return absl::OkStatus();
  }));
  std::vector<float> data(5000, 1.0f);
  auto group = CollectiveGroup::Create(std::move(peers[0]), {});
  ASSERT_TRUE((*group)->Start(kForwardTag, absl::MakeSpan(data)).ok());
  ASSERT_TRUE((*group)->Start(kForwardTag, absl::MakeSpan(data)).ok());
  group->reset();
}

TEST(OverlapFailureTest, WaitingTwiceOrForNothingIsInternal) {
  LocalCluster cluster(2);
  ExpectAllOk(cluster.OnEachGroup({}, [](CollectiveGroup& group) {
    std::vector<float> data(10, 1.0f);
    const auto handle = group.Start(kForwardTag, absl::MakeSpan(data));
    if (!handle.ok()) return handle.status();
    const absl::Status status = group.Wait(*handle);
    EXPECT_EQ(group.Wait(*handle).code(), absl::StatusCode::kInternal);
    EXPECT_EQ(group.Wait(17).code(), absl::StatusCode::kInternal);
    return status;
  }));
}

}  // namespace
}  // namespace edgetp
