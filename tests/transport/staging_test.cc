// All-reduces of data that comes to host memory piece by piece, and goes back the same way.
#include <gmock/gmock.h>

#include <algorithm>
#include <initializer_list>
#include <limits>

#include "common/base/status_macros.h"
#include "common/collective/registry.h"
#include "tests/transport/local_cluster.h"

namespace edgetp {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

constexpr int64_t kElements = 300'000;
constexpr int64_t kSegmentElements = 25'000;

// An accelerator whose copies happen when they are asked for: what is read too early is NaN, and what is
// overwritten later than it is given back stays wrong. It converts to a format, unless that is fp32.
class LazyStaging final : public Staging {
 public:
  LazyStaging(std::vector<float> device, std::vector<float>* host, const WireFormat& wire = {})
      : device_(std::move(device)), host_(host), wire_(wire), returned_(device_.size()) {
    host_->assign(device_.size(), std::numeric_limits<float>::quiet_NaN());
    if (wire_.identity()) return;
    encoded_.resize(wire_.WireBytes(static_cast<int64_t>(device_.size())));
    wire_.Encode(*host_, encoded_.data());
  }

  void FailFetchAt(int call) { failing_ = call; }

  std::byte* encoded() override { return encoded_.empty() ? nullptr : encoded_.data(); }
  absl::Status Fetch(int64_t end) override {
    if (fetches_++ == failing_) return absl::InternalError("the accelerator is gone");
    if (encoded_.empty()) {
      std::copy(device_.begin() + fetched_, device_.begin() + end, host_->begin() + fetched_);
    } else {
      wire_.Encode(Device(fetched_, end), At(fetched_));
    }
    fetched_ = end;
    return absl::OkStatus();
  }
  absl::Status GiveBack(int64_t begin, int64_t end) override {
    ++gifts_;
    EXPECT_LE(end, fetched_);
    if (encoded_.empty()) {
      std::copy(host_->begin() + begin, host_->begin() + end, device_.begin() + begin);
    } else {
      wire_.Decode(At(begin), Device(begin, end));
    }
    for (int64_t i = begin; i < end; ++i) ++returned_[i];
    return absl::OkStatus();
  }

  const std::vector<float>& device() const { return device_; }
  const std::vector<int>& returned() const { return returned_; }  // by element, how often
  int fetches() const { return fetches_; }
  int gifts() const { return gifts_; }

 private:
  absl::Span<float> Device(int64_t begin, int64_t end) {
    return absl::MakeSpan(device_).subspan(begin, end - begin);
  }
  std::byte* At(int64_t element) { return encoded_.data() + wire_.WireBytes(element); }

  std::vector<float> device_;
  std::vector<float>* const host_;
  const WireFormat wire_;
  std::vector<std::byte> encoded_;
  std::vector<int> returned_;
  int64_t fetched_ = 0;
  int fetches_ = 0, gifts_ = 0, failing_ = -1;
};

CollectiveGroupOptions OptionsOf(const std::string& algorithm) {
  CollectiveGroupOptions options;
  options.choose = FixedAlgorithm(algorithm);
  options.segment_bytes = kSegmentElements * sizeof(float);
  options.slice_bytes = 120'000;
  return options;
}

// What an all-reduce of data in host memory gives on rank 0.
std::vector<float> Plain(int world_size, const CollectiveGroupOptions& options) {
  LocalCluster cluster(world_size);
  std::vector<float> sum;
  ExpectAllOk(cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
    std::vector<float> data = TestValues(group.rank(), kElements);
    const absl::Status status = group.AllReduce(kForwardTag, absl::MakeSpan(data));
    if (group.rank() == 0) sum = std::move(data);
    return status;
  }));
  return sum;
}

std::string Named(const CollectiveGroupOptions& options) {
  return *options.choose(kElements, WireFormat()) + " " + options.wire_forward;
}

struct StagedRun {
  int fetches = 0, gifts = 0;  // of rank 0
};

StagedRun ExpectStagedIsPlain(int world_size, const CollectiveGroupOptions& options,
                              bool converts = false) {
  const std::vector<float> want = Plain(world_size, options);
  LocalCluster cluster(world_size);
  StagedRun run;
  ExpectAllOk(cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
    std::vector<float> host;
    LazyStaging staging(TestValues(group.rank(), kElements), &host,
                        converts ? group.RoundsTo(kForwardTag) : WireFormat());
    const absl::Status status = group.AllReduceStaged(kForwardTag, absl::MakeSpan(host), staging);
    EXPECT_TRUE(staging.device() == want) << Named(options) << " rank " << group.rank();
    EXPECT_THAT(staging.returned(), Each(1)) << Named(options) << " rank " << group.rank();
    if (group.rank() == 0) run = {staging.fetches(), staging.gifts()};
    return status;
  }));
  return run;
}

void ExpectAllStagedArePlain(std::initializer_list<const char*> wires, bool converts) {
  for (const Algorithm& algorithm : Algorithms()) {
    for (const int world_size : {2, 3, 4}) {
      for (const char* wire : wires) {
        CollectiveGroupOptions options = OptionsOf(algorithm.name);
        options.wire_forward = wire;
        ExpectStagedIsPlain(world_size, options, converts);
      }
    }
  }
}

TEST(StagingTest, EveryAlgorithmGivesBackEveryElementOnceWithTheBitsOfPlainData) {
  ExpectAllStagedArePlain({"fp32", "bf16"}, /*converts=*/false);
}

// The accelerator's rounding is in place of the host's.
TEST(StagingTest, WhatTheAcceleratorConvertsHasTheSameBits) {
  ExpectAllStagedArePlain({"bf16", "fp16"}, /*converts=*/true);
  for (const Algorithm& algorithm : Algorithms()) {
    CollectiveGroupOptions emulated = OptionsOf(algorithm.name);
    emulated.wire_forward = "bf16";
    emulated.network.link.delay = absl::Milliseconds(1);
    ExpectStagedIsPlain(3, emulated, /*converts=*/true);
  }
}

TEST(StagingTest, WhatIsFedBackOrCutInGroupsTheHostRounds) {
  LocalCluster cluster(2);
  CollectiveGroupOptions options = OptionsOf("direct");
  options.wire_forward = "bf16";
  options.wire_backward = "int8";
  options.feedback_activations = true;
  ExpectAllOk(cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
    const CollectiveTag backward{.traffic = TrafficClass::kActivationBackward};
    CollectiveTag largest = kForwardTag;
    largest.reduction = Reduction::kMax;
    EXPECT_EQ(group.RoundsTo(kForwardTag).name(), "bf16");  // of an evaluation
    EXPECT_TRUE(group.RoundsTo(backward).identity());
    EXPECT_TRUE(group.RoundsTo(largest).identity());
    group.BeginStep(0, {});
    EXPECT_TRUE(group.RoundsTo(kForwardTag).identity());
    return group.EndStep();
  }));
}

TEST(StagingTest, SegmentsComeAndGoOneByOne) {
  for (const char* wire : {"fp32", "bf16"}) {
    CollectiveGroupOptions options = OptionsOf("direct");
    options.wire_forward = wire;
    const StagedRun run = ExpectStagedIsPlain(2, options, /*converts=*/true);
    const int64_t bytes = WireFormat::Parse(wire)->WireBytes(kElements);
    EXPECT_EQ(run.fetches, bytes / options.segment_bytes) << wire;
    EXPECT_EQ(run.gifts, bytes / options.segment_bytes) << wire;
  }
}

// A whole message is handed over at one time; and some formats need all of the data.
TEST(StagingTest, WhatBearsTimesOrIsCutNowhereComesAndGoesAsAWhole) {
  CollectiveGroupOptions emulated = OptionsOf("direct");
  emulated.network.link.delay = absl::Milliseconds(1);
  CollectiveGroupOptions narrow = OptionsOf("direct");
  narrow.wire_forward = "int8";
  CollectiveGroupOptions rotated = OptionsOf("direct");
  rotated.wire_forward = "int8+hadamard";
  for (const CollectiveGroupOptions& options : {emulated, narrow, rotated}) {
    const StagedRun run = ExpectStagedIsPlain(2, options);
    EXPECT_EQ(run.fetches, 1);
    EXPECT_EQ(run.gifts, 1);
  }
}

TEST(StagingTest, ACopyThatFailsEndsTheAllReduceOnAllRanks) {
  for (int call = 0; call < kElements / kSegmentElements; ++call) {
    LocalCluster cluster(2);
    CollectiveGroupOptions options = OptionsOf("two_phase");
    const auto results = cluster.OnEachGroup(options, [&](CollectiveGroup& group) {
      std::vector<float> host;
      LazyStaging staging(TestValues(group.rank(), kElements), &host);
      if (group.rank() == 1) staging.FailFetchAt(call);
      return group.AllReduceStaged(kForwardTag, absl::MakeSpan(host), staging);
    });
    EXPECT_EQ(results[1].code(), absl::StatusCode::kInternal) << call;
    EXPECT_THAT(std::string(results[1].message()), HasSubstr("the accelerator is gone"));
    EXPECT_FALSE(results[0].ok());
  }
}

TEST(StagingTest, WaitingForACopyIsStaging) {
  LocalCluster cluster(2);
  ExpectAllOk(cluster.OnEachGroup(OptionsOf("direct"), [&](CollectiveGroup& group) {
    class SlowStaging final : public Staging {
     public:
      absl::Status Fetch(int64_t) override {
        PassSomeTime();
        return absl::OkStatus();
      }
      absl::Status GiveBack(int64_t, int64_t) override { return absl::OkStatus(); }
    } staging;
    std::vector<float> host(kElements);
    const CollectiveStep expected{kForwardTag, kElements, WireFormat()};
    group.BeginStep(0, {expected});
    group.BeginStaging();
    RETURN_IF_ERROR(group.AllReduceStaged(kForwardTag, absl::MakeSpan(host), staging));
    group.EndStaging();
    RETURN_IF_ERROR(group.EndStep());
    const StepStats stats = group.TakeStats();
    EXPECT_GE(stats.breakdown_seconds.staging(), 1e-6 * 50 * kElements / kSegmentElements);
    EXPECT_EQ(stats.staged_bytes, 2.0 * kElements * sizeof(float));
    return absl::OkStatus();
  }));
}

}  // namespace
}  // namespace edgetp
