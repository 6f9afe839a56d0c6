// The thread on which started collectives run, and that it hands the transport over and back. Without
// gRPC, so that ThreadSanitizer can run it.
#include <functional>
#include <thread>

#include "gmock/gmock.h"
#include "tests/transport/memory_transport.h"
#include "worker/collective/background_runner.h"
#include "worker/collective/collective_group.h"

namespace edgetp {
namespace {

TEST(BackgroundRunnerTest, TasksRunInOrderAndWhatTheyWroteCanBeRead) {
  BackgroundRunner runner;
  EXPECT_TRUE(runner.idle());
  std::vector<int> order;
  for (int i = 1; i <= 100; ++i) EXPECT_EQ(runner.Submit([&order, i] { order.push_back(i); }), i);
  runner.AwaitAll();
  EXPECT_TRUE(runner.idle());
  ASSERT_EQ(order.size(), 100u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(BackgroundRunnerTest, TheEndWaitsForEveryTask) {
  int done = 0;
  {
    BackgroundRunner runner;
    for (int i = 0; i < 20; ++i) runner.Submit([&done] { ++done; });
  }
  EXPECT_EQ(done, 20);
}

TEST(BackgroundRunnerTest, OneCanBeAwaitedWhileOthersAreNotDone) {
  BackgroundRunner runner;
  std::mutex gate;
  gate.lock();
  int first = 0;
  const uint64_t one = runner.Submit([&first] { first = 7; });
  runner.Submit([&gate] { std::lock_guard<std::mutex> wait(gate); });
  runner.Await(one);
  EXPECT_EQ(first, 7);
  EXPECT_FALSE(runner.idle());
  gate.unlock();
}

constexpr CollectiveTag kTag = {TrafficClass::kActivationForward, Phase::kForward, 0};

// On a thread per rank.
std::vector<absl::Status> OnEachRank(int world_size, const CollectiveGroupOptions& options,
                                     const std::function<absl::Status(CollectiveGroup&)>& body) {
  MemoryNetwork network(world_size);
  std::vector<absl::Status> results(world_size);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world_size; ++rank) {
    threads.emplace_back([&, rank] {
      auto group =
          CollectiveGroup::Create(std::make_unique<MemoryTransport>(&network, rank), options);
      results[rank] = group.ok() ? body(**group) : group.status();
    });
  }
  for (std::thread& thread : threads) thread.join();
  return results;
}

// Started, blocking, started twice, blocking, and waited for in another order.
absl::Status Interleave(CollectiveGroup& group) {
  const auto rank = static_cast<float>(group.rank());
  std::vector<std::vector<float>> buffers(5, std::vector<float>(700, 1 + rank));
  std::vector<int64_t> handles;
  absl::Status status;
  const auto start = [&](int i) {
    const auto handle = group.Start(kTag, absl::MakeSpan(buffers[i]));
    handles.push_back(handle.value_or(-1));
    status.Update(handle.status());
  };
  start(0);
  status.Update(group.AllReduce(kTag, absl::MakeSpan(buffers[1])));
  start(2);
  start(3);
  status.Update(group.AllReduce(kTag, absl::MakeSpan(buffers[4])));
  for (const int i : {2, 0, 1}) status.Update(group.Wait(handles[i]));
  if (!status.ok()) return status;
  const auto ranks = static_cast<float>(group.world_size());
  for (const std::vector<float>& buffer : buffers)
    EXPECT_EQ(buffer, std::vector<float>(700, ranks * (ranks + 1) / 2));
  return absl::OkStatus();
}

TEST(TransportHandoverTest, WhatIsStartedAndWhatBlocksTakeTurns) {
  for (const int world_size : {2, 3}) {
    CollectiveGroupOptions options;
    options.segment_bytes = 256;
    options.network.link.delay = absl::Microseconds(200);
    for (const absl::Status& status : OnEachRank(world_size, options, [](CollectiveGroup& group) {
           absl::Status all;
           for (int round = 0; round < 20 && all.ok(); ++round) all = Interleave(group);
           return all;
         }))
      EXPECT_TRUE(status.ok()) << status;
  }
}

// What is lost of a message is kept by the thread that runs it, and what is read for a checkpoint by
// the one that computes.
TEST(TransportHandoverTest, FormatsWithGroupsAndErrorFeedbackRunUnderCompute) {
  CollectiveGroupOptions options;
  options.wire_forward = "int4:g32+hadamard";
  options.feedback_activations = true;
  constexpr int kElements = 700;
  for (const absl::Status& status : OnEachRank(3, options, [](CollectiveGroup& group) {
         CollectiveStep start{kTag, kElements, group.WireOf(kTag.traffic)};
         start.part = CollectivePart::kStart;
         start.handle = 0;
         CollectiveStep wait = start;
         wait.part = CollectivePart::kWait;
         absl::Status all;
         for (int step = 0; step < 20 && all.ok(); ++step) {
           std::vector<float> data(kElements, 0.1f * static_cast<float>(1 + group.rank()));
           group.BeginStep(step, {start, wait});
           all.Update(group.Start(kTag, absl::MakeSpan(data)).status());
           if (all.ok()) all.Update(group.Wait(0));
           if (all.ok()) all.Update(group.EndStep());
         }
         size_t kept = 0;
         all.Update(group.feedback().Gather(&group, [&kept](absl::Span<const float> values) {
           kept += values.size();
           return absl::OkStatus();
         }));
         EXPECT_EQ(kept, group.rank() == 0 ? 3u * kElements : 0u);
         return all;
       }))
    EXPECT_TRUE(status.ok()) << status;
}

TEST(TransportHandoverTest, AbortFromAnotherThreadEndsWhatIsUnderWay) {
  for (int round = 0; round < 20; ++round) {
    OnEachRank(2, {}, [](CollectiveGroup& group) {
      std::thread control([&group] { group.Abort(absl::AbortedError("enough")); });
      for (absl::Status status; status.ok();) status = Interleave(group);
      control.join();
      return absl::OkStatus();
    });
  }
}

}  // namespace
}  // namespace edgetp
