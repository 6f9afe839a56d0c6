#include "worker/job/memory_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "common/config/defaults.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

constexpr double kMiB = 1 << 20;

class MemoryCheckTest : public ::testing::Test {
 protected:
  FileReader Reader() const {
    return [this](const std::string& path) -> std::optional<std::string> {
      const auto found = files_.find(path);
      if (found == files_.end()) return std::nullopt;
      return found->second;
    };
  }
  // Two ranks of a small model, which need some 36 MiB each beyond what a worker has already.
  static v1::Assign Assignment(const std::string& other_host) {
    v1::Assign assign;
    assign.mutable_spec()->mutable_train();
    v1::RunConfig* const config = assign.mutable_spec()->mutable_config();
    for (v1::ModelConfig* model : {config->mutable_model()}) {
      model->set_layers(2);
      model->set_heads(2);
      model->set_channels(16);
      model->set_sequence(8);
      model->set_vocabulary(65);
    }
    FillDefaults(config);
    assign.set_rank(1);
    assign.add_members()->set_host(other_host);
    assign.add_members()->set_host("edge-2");
    return assign;
  }

  std::map<std::string, std::string> files_;
};

TEST_F(MemoryCheckTest, TheHostsRoomIsMemAvailable) {
  files_["/proc/meminfo"] =
      "MemTotal:       24737000 kB\nMemFree:        1000 kB\nMemAvailable:    2048 kB\n";
  ASSERT_TRUE(HostRoom(Reader()).has_value());
  EXPECT_EQ(HostRoom(Reader())->bytes, 2 * kMiB);
  EXPECT_EQ(HostRoom(Reader())->limit, "MemAvailable of /proc/meminfo");
  files_.clear();
  EXPECT_FALSE(HostRoom(Reader()).has_value());
}

TEST_F(MemoryCheckTest, CachedFilesAreRoomInAControlGroup) {
  files_["/proc/self/cgroup"] = "0::/\n";
  files_["/sys/fs/cgroup/memory.max"] = "104857600\n";
  files_["/sys/fs/cgroup/memory.current"] = "83886080\n";
  files_["/sys/fs/cgroup/memory.stat"] = "anon 1\ninactive_file 20971520\nactive_file 7\n";
  ASSERT_TRUE(ControlGroupRoom(Reader()).has_value());
  EXPECT_EQ(ControlGroupRoom(Reader())->bytes, 40 * kMiB);
  EXPECT_EQ(ControlGroupRoom(Reader())->limit, "/sys/fs/cgroup/memory.max = 100 MiB");
}

TEST_F(MemoryCheckTest, TheTightestGroupAboveTheProcessCounts) {
  files_["/proc/self/cgroup"] = "0::/slurm/job_1/task\n";
  files_["/sys/fs/cgroup/slurm/job_1/task/memory.max"] = "max\n";
  files_["/sys/fs/cgroup/slurm/job_1/task/memory.current"] = "10\n";
  files_["/sys/fs/cgroup/slurm/job_1/memory.max"] = "1000\n";
  files_["/sys/fs/cgroup/slurm/job_1/memory.current"] = "400\n";
  files_["/sys/fs/cgroup/slurm/memory.max"] = "5000\n";
  files_["/sys/fs/cgroup/slurm/memory.current"] = "400\n";
  EXPECT_EQ(ControlGroupRoom(Reader())->bytes, 600);
}

TEST_F(MemoryCheckTest, VersionOneIsRead) {
  files_["/proc/self/cgroup"] = "5:devices:/\n4:memory:/docker/abc\n0::/\n";
  files_["/sys/fs/cgroup/memory/memory.limit_in_bytes"] = "1000\n";
  files_["/sys/fs/cgroup/memory/memory.usage_in_bytes"] = "900\n";
  files_["/sys/fs/cgroup/memory/memory.stat"] = "inactive_file 1\ntotal_inactive_file 200\n";
  EXPECT_EQ(ControlGroupRoom(Reader())->bytes, 300);
  files_["/sys/fs/cgroup/memory/memory.limit_in_bytes"] = "9223372036854771712\n";
  EXPECT_FALSE(ControlGroupRoom(Reader()).has_value());
}

TEST_F(MemoryCheckTest, WithoutALimitEverythingFits) {
  files_["/proc/self/cgroup"] = "0::/\n";
  files_["/sys/fs/cgroup/memory.max"] = "max\n";
  EXPECT_EQ(CheckMemory(Assignment("edge-1"), Reader()), absl::OkStatus());
}

TEST_F(MemoryCheckTest, TooLittleNamesRankHostNeedRoomAndLimit) {
  files_["/proc/self/cgroup"] = "0::/\n";
  files_["/sys/fs/cgroup/memory.max"] = "67108864\n";
  files_["/sys/fs/cgroup/memory.current"] = "33554432\n";
  const absl::Status status = CheckMemory(Assignment("edge-1"), Reader());
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("too little memory on edge-2: rank 1 needs 36."));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("; free are 32 MiB (/sys/fs/cgroup/memory.max = 64 MiB)"));
}

TEST_F(MemoryCheckTest, RanksThatShareAControlGroupNeedRoomTogether) {
  files_["/proc/self/cgroup"] = "0::/\n";
  files_["/sys/fs/cgroup/memory.max"] = "67108864\n";
  files_["/sys/fs/cgroup/memory.current"] = "0\n";
  EXPECT_TRUE(CheckMemory(Assignment("edge-1"), Reader()).ok());
  const absl::Status shared = CheckMemory(Assignment("edge-2"), Reader());
  EXPECT_THAT(std::string(shared.message()), HasSubstr(", the 2 ranks there "));
}

TEST_F(MemoryCheckTest, ContainersOfOneHostShareItsMemory) {
  files_["/proc/meminfo"] = "MemAvailable: 65536 kB\n";
  v1::Assign assign = Assignment("edge-1");
  EXPECT_FALSE(CheckMemory(assign, Reader()).ok());
  assign.mutable_members(0)->set_boot_id("another kernel");
  EXPECT_TRUE(CheckMemory(assign, Reader()).ok());
}

// GPT-2, whose activations are what counts.
// A kibibyte for each prompt and rank.
TEST_F(MemoryCheckTest, SamplingNeedsRoomForKeysAndValues) {
  files_["/proc/meminfo"] = "MemAvailable:    77824 kB\n";  // 76 MiB; the ranks need some 73 without
  v1::Assign assign = Assignment("edge-1");
  for (int i = 0; i < 4096; ++i) assign.mutable_spec()->mutable_sample()->add_prompts();
  EXPECT_THAT(std::string(CheckMemory(assign, Reader()).message()), HasSubstr("too little memory"));
  assign.mutable_spec()->mutable_sample()->set_cache(false);
  EXPECT_EQ(CheckMemory(assign, Reader()), absl::OkStatus());
}

v1::Assign GpuAssignment(const std::string& other_device) {
  v1::Assign assign;
  assign.mutable_spec()->mutable_train();
  v1::RunConfig* const config = assign.mutable_spec()->mutable_config();
  config->mutable_model()->set_layers(12);
  config->mutable_model()->set_heads(12);
  config->mutable_model()->set_channels(768);
  config->mutable_model()->set_sequence(1024);
  config->mutable_model()->set_vocabulary(50304);
  config->mutable_train()->set_batch(8);
  FillDefaults(config);
  assign.set_rank(1);
  for (const std::string& device : {other_device, std::string("cuda:0")}) {
    assign.add_members()->set_host("edge");
    assign.mutable_members()->rbegin()->set_device(device);
  }
  return assign;
}

TEST_F(MemoryCheckTest, AGpusRanksNeedItsMemoryTogether) {
  const MemoryRoom eight{8 * 1024 * kMiB, "cuda:0, NVIDIA T4"};
  EXPECT_EQ(CheckMemory(GpuAssignment("cuda:1"), Reader(), eight), absl::OkStatus());
  const absl::Status shared = CheckMemory(GpuAssignment("cuda:0"), Reader(), eight);
  EXPECT_EQ(shared.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(shared.message()), HasSubstr(", the 2 ranks there "));
  EXPECT_THAT(std::string(shared.message()), HasSubstr("(cuda:0, NVIDIA T4)"));
}

TEST_F(MemoryCheckTest, AGpusRankNeedsMemoryOfItsHostForCheckpointsAndNotForActivations) {
  const MemoryRoom large{1e12, "cuda:0"};
  files_["/proc/meminfo"] = "MemAvailable: 4194304 kB\n";  // 4 GiB; a CPU's ranks need 20
  EXPECT_EQ(CheckMemory(GpuAssignment("cuda:0"), Reader(), large), absl::OkStatus());
  files_["/proc/meminfo"] = "MemAvailable: 1048576 kB\n";
  EXPECT_THAT(std::string(CheckMemory(GpuAssignment("cuda:0"), Reader(), large).message()),
              HasSubstr("MemAvailable of /proc/meminfo"));
}

}  // namespace
}  // namespace edgetp
