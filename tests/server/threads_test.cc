// What the server's threads share, without gRPC: ThreadSanitizer sees all of it here, and nothing
// of what Debian's gRPC synchronises by.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "server/active_run.h"
#include "server/loop.h"
#include "server/write_queue.h"

namespace edgetp {
namespace {

constexpr int kThreads = 4;
constexpr int kCalls = 1000;

void OnThreads(const std::function<void(int)>& body) {
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back([&body, t] { body(t); });
  for (std::thread& thread : threads) thread.join();
}

TEST(LoopThreadsTest, ClosuresOfManyThreadsRunOneAfterTheOther) {
  int ran = 0;  // of the loop
  int ticks = 0;
  Loop loop(absl::Microseconds(100), [&ticks] { ++ticks; });
  OnThreads([&](int) {
    for (int i = 0; i < kCalls; ++i) EXPECT_TRUE(loop.Post([&ran] { ++ran; }));
  });
  loop.Run([&] { EXPECT_EQ(ran, kThreads * kCalls); });
  loop.Stop();
  EXPECT_FALSE(loop.Post([] {}));
}

TEST(ActiveRunThreadsTest, EveryGrantOfAMediumIsAnotherTime) {
  ActiveRun active_run;
  active_run.Begin("a");
  std::vector<std::vector<absl::Time>> granted(kThreads);
  OnThreads([&](int thread) {
    for (int i = 0; i < kCalls; ++i) {
      const auto start = active_run.Grant("a", absl::UnixEpoch(), absl::Nanoseconds(10));
      ASSERT_TRUE(start.ok());
      granted[thread].push_back(*start);
    }
  });
  std::vector<absl::Time> all;
  for (const auto& times : granted) all.insert(all.end(), times.begin(), times.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
}

// Completes each write on a thread of its own, as gRPC does.
class ThreadedReactor {
 public:
  void StartWrite(const int* message) {
    const std::lock_guard<std::mutex> lock(mutex_);
    EXPECT_EQ(writing_, nullptr) << "one write at a time";
    writing_ = message;
    changed_.notify_all();
  }
  void Finish(const grpc::Status&) {
    const std::lock_guard<std::mutex> lock(mutex_);
    EXPECT_FALSE(finished_) << "finished once";
    finished_ = true;
    changed_.notify_all();
  }
  // Blocks until: finished. `done` takes each message's completion.
  int Complete(const std::function<void()>& done) {
    int sum = 0;
    std::unique_lock<std::mutex> lock(mutex_);
    while (true) {
      changed_.wait(lock, [this] { return finished_ || writing_ != nullptr; });
      if (writing_ == nullptr) return sum;
      sum += *std::exchange(writing_, nullptr);
      lock.unlock();
      done();
      lock.lock();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  const int* writing_ = nullptr;
  bool finished_ = false;
};

TEST(WriteQueueThreadsTest, MessagesOfManyThreadsAreWrittenOneAfterTheOther) {
  ThreadedReactor reactor;
  WriteQueue<ThreadedReactor, int> queue(&reactor, kThreads * kCalls, [] {});
  int sum = 0;
  std::thread grpc([&] { sum = reactor.Complete([&queue] { queue.OnWriteDone(true); }); });
  OnThreads([&](int) {
    for (int i = 0; i < kCalls; ++i) queue.Send(std::make_shared<const int>(1));
  });
  queue.Close(grpc::Status::OK);
  grpc.join();
  EXPECT_EQ(sum, kThreads * kCalls);
}

TEST(WriteQueueThreadsTest, WhoeverCutsOffAReaderOrClosesFinishesOnce) {
  for (int round = 0; round < 100; ++round) {
    ThreadedReactor reactor;
    std::atomic<int> cancelled = 0;
    WriteQueue<ThreadedReactor, int> queue(&reactor, 2, [&cancelled] { ++cancelled; });
    std::thread grpc([&] { reactor.Complete([&queue] { queue.OnWriteDone(true); }); });
    OnThreads([&](int thread) {
      for (int i = 0; i < 20; ++i) queue.Send(std::make_shared<const int>(1));
      if (thread == 0) queue.Close(grpc::Status::CANCELLED);
    });
    grpc.join();
    EXPECT_LE(cancelled, 1);
  }
}

}  // namespace
}  // namespace edgetp
