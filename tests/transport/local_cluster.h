// N ranks in one process, each with its own endpoint on loopback and its own thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/base/clock.h"
#include "gtest/gtest.h"
#include "worker/collective/collective_group.h"
#include "worker/transport/peer_group.h"

namespace edgetp {

// Long enough that only a hang reaches it.
inline constexpr absl::Duration kTestDeadline = absl::Seconds(30);

class LocalCluster {
 public:
  explicit LocalCluster(int world_size) {
    for (int r = 0; r < world_size; ++r) {
      auto endpoint = PeerEndpoint::Create("127.0.0.1:0");
      EXPECT_TRUE(endpoint.ok()) << endpoint.status();
      endpoints_.push_back(*std::move(endpoint));
      members_.push_back({endpoints_.back()->address(), "clock"});
    }
  }

  int world_size() const { return static_cast<int>(endpoints_.size()); }
  PeerEndpoint* endpoint(int rank) { return endpoints_[rank].get(); }
  std::vector<PeerMember>& members() { return members_; }

  PeerGroupOptions Options(int rank, const std::string& job = "job") const {
    PeerGroupOptions options;
    options.job = job;
    options.rank = rank;
    options.members = members_;
    return options;
  }

  // Runs `body(rank)` on a thread per rank and returns what each gave.
  std::vector<absl::Status> OnEachRank(const std::function<absl::Status(int)>& body) {
    std::vector<absl::Status> results(world_size());
    std::vector<std::thread> threads;
    for (int r = 0; r < world_size(); ++r) threads.emplace_back([&, r] { results[r] = body(r); });
    for (std::thread& thread : threads) thread.join();
    return results;
  }

  std::unique_ptr<PeerGroup> Connected(int rank, const std::string& job = "job") {
    auto group = std::make_unique<PeerGroup>(endpoint(rank), Options(rank, job));
    const absl::Status status = group->Connect(MonotonicNow() + kTestDeadline);
    EXPECT_TRUE(status.ok()) << status;
    return group;
  }

  using Wrap =
      std::function<std::unique_ptr<SegmentTransport>(int rank, std::unique_ptr<SegmentTransport>)>;

  // Runs `body` on a CollectiveGroup per rank; all are connected before the first one starts.
  std::vector<absl::Status> OnEachGroup(const CollectiveGroupOptions& options,
                                        const std::function<absl::Status(CollectiveGroup&)>& body,
                                        const Wrap& wrap = nullptr) {
    std::vector<std::unique_ptr<SegmentTransport>> transports(world_size());
    OnEachRank([&](int rank) {
      transports[rank] = Connected(rank);
      return absl::OkStatus();
    });
    return OnEachRank([&](int rank) {
      std::unique_ptr<SegmentTransport> transport = std::move(transports[rank]);
      if (wrap) transport = wrap(rank, std::move(transport));
      auto group = CollectiveGroup::Create(std::move(transport), options);
      return group.ok() ? body(**group) : group.status();
    });
  }

 private:
  std::vector<std::unique_ptr<PeerEndpoint>> endpoints_;
  std::vector<PeerMember> members_;
};

inline void ExpectAllOk(const std::vector<absl::Status>& results) {
  for (size_t r = 0; r < results.size(); ++r)
    EXPECT_TRUE(results[r].ok()) << "rank " << r << ": " << results[r];
}

// Values whose sum depends on the order of addition.
inline std::vector<float> TestValues(int rank, int64_t count) {
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i)
    values[i] = static_cast<float>((i * 7919 + rank * 104729) % 1000) * 1.37f - 311.f;
  return values;
}

inline const CollectiveTag kForwardTag = {TrafficClass::kActivationForward, Phase::kForward, 0};

// Any work that takes time.
inline void PassSomeTime() {
  const absl::Time end = MonotonicNow() + absl::Microseconds(50);
  while (MonotonicNow() < end) {
  }
}

}  // namespace edgetp
