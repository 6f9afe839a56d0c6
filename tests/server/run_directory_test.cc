#include "server/run_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/time/clock.h"
#include "tests/temporary_folder.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

namespace fs = std::filesystem;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class RunDirectoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    config_.set_pattern("sppp");
    config_.mutable_model()->set_name("minigpt");
    config_.mutable_network()->set_name("wifi-5");
  }

  const TemporaryFolder temporary_;
  const std::string root_ = temporary_.path() + "/runs";
  v1::RunConfig config_;
};

TEST(RunNameTest, ANameCannotLeaveTheDirectory) {
  for (const char* name : {"", "..", "../x", "a/b", ".blobs", "-x", "a b", "a\n"}) {
    EXPECT_EQ(CheckRunName(name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
  EXPECT_TRUE(CheckRunName("minigpt-sppp_2.0").ok());
}

TEST_F(RunDirectoryTest, TheDefaultNameTellsModelPatternNetworkAndTime) {
  v1::JobSpec spec;
  spec.mutable_train();
  *spec.mutable_config() = config_;
  EXPECT_THAT(DefaultRunName(spec, absl::Now()),
              MatchesRegex("minigpt-sppp-wifi-5-[0-9]{8}-[0-9]{6}"));
  spec.mutable_config()->mutable_network()->set_name("none+delay200ms+rate1mbit");
  EXPECT_THAT(DefaultRunName(spec, absl::Now()),
              MatchesRegex("minigpt-sppp-none.delay200ms.rate1mbit-[0-9]{8}-[0-9]{6}"));
  spec.mutable_config()->mutable_network()->set_name("wifi-5#2");
  EXPECT_THAT(DefaultRunName(spec, absl::Now()),
              MatchesRegex("minigpt-sppp-wifi-5-2-[0-9]{8}-[0-9]{6}"));
  spec.mutable_config()->set_pattern("(sppp)*12");
  spec.mutable_config()->mutable_network()->set_name(std::string(200, 'n'));
  EXPECT_TRUE(CheckRunName(DefaultRunName(spec, absl::Now()) + "-999").ok());
  spec.mutable_bench();
  EXPECT_THAT(DefaultRunName(spec, absl::Now()), MatchesRegex("bench-[0-9]{8}-[0-9]{6}"));
}

TEST_F(RunDirectoryTest, TheConfigIsThereFromTheBeginning) {
  const auto directory = RunDirectory::Create(root_, "a", config_, absl::Now());
  ASSERT_TRUE(directory.ok()) << directory.status();
  const std::string text = ReadFile(root_ + "/a/config.textproto");
  EXPECT_THAT(text, HasSubstr("# edgetp "));
  EXPECT_THAT(text, HasSubstr("pattern: \"sppp\""));
  EXPECT_TRUE(fs::is_directory(root_ + "/a/checkpoints"));
}

TEST_F(RunDirectoryTest, ASecondRunOfTheNameHarmsNothing) {
  ASSERT_TRUE(RunDirectory::Create(root_, "a", config_, absl::Now()).ok());
  config_.set_pattern("tttt");
  EXPECT_EQ(RunDirectory::Create(root_, "a", config_, absl::Now()).status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(ReadFile(root_ + "/a/config.textproto"), HasSubstr("sppp"));
}

TEST_F(RunDirectoryTest, StepsAreOneJsonLineEachAndFlushed) {
  const auto directory = RunDirectory::Create(root_, "a", config_, absl::Now());
  ASSERT_TRUE(directory.ok());
  v1::StepRecord record;
  record.set_step(1);
  record.set_train_loss(4.25);
  ASSERT_TRUE((*directory)->AppendStep(record).ok());
  record.set_step(2);
  ASSERT_TRUE((*directory)->AppendStep(record).ok());
  EXPECT_THAT(ReadFile(root_ + "/a/metrics.jsonl"),
              MatchesRegex("\\{\"step\":1,.*\"train_loss\":4.25.*\\}\n\\{\"step\":2,.*\\}\n"));
}

TEST_F(RunDirectoryTest, TheSummaryPrintsZerosAndKeepsFieldNames) {
  const auto directory = RunDirectory::Create(root_, "a", config_, absl::Now());
  ASSERT_TRUE(directory.ok());
  v1::RunSummary summary;
  summary.set_status("failed");
  ASSERT_TRUE((*directory)->WriteSummary(summary).ok());
  const std::string text = ReadFile(root_ + "/a/summary.json");
  EXPECT_THAT(text, HasSubstr("\"predicted_step_seconds\": 0"));
  EXPECT_THAT(text, HasSubstr("\"status\": \"failed\""));
  EXPECT_FALSE(fs::exists(root_ + "/a/summary.json.tmp"));
}

TEST_F(RunDirectoryTest, ARootThatCannotBeMadeIsAnErrorThatNamesIt) {
  std::ofstream(root_) << "a file in the way";
  const absl::Status status = RunDirectory::Create(root_, "a", config_, absl::Now()).status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(root_));
}

TEST_F(RunDirectoryTest, AFullDiskIsAnErrorOfTheWrite) {
  // /dev/full is a full disk with nothing but a name.
  EXPECT_EQ(WriteFileAtomically(root_ + "/no/such/folder", "x").code(),
            absl::StatusCode::kNotFound);
  fs::create_directories(root_ + "/a");
  fs::create_symlink("/dev/full", root_ + "/a/file.tmp");
  EXPECT_EQ(WriteFileAtomically(root_ + "/a/file", "x").code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_FALSE(fs::exists(root_ + "/a/file"));
}

// Files cannot grow beyond `bytes` while it lives: what a full disk looks like to one process.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_;
};

TEST_F(RunDirectoryTest, ARunThatCannotBeWrittenLeavesNothing) {
  {
    const FullDisk full(0);
    EXPECT_FALSE(RunDirectory::Create(root_, "a", config_, absl::Now()).ok());
  }
  EXPECT_FALSE(fs::exists(root_ + "/a"));
  EXPECT_TRUE(RunDirectory::Create(root_, "a", config_, absl::Now()).ok());
}

TEST_F(RunDirectoryTest, AStepThatDoesNotFitLeavesNoHalfLine) {
  const auto directory = RunDirectory::Create(root_, "a", config_, absl::Now());
  ASSERT_TRUE(directory.ok());
  v1::StepRecord record;
  record.set_step(1);
  ASSERT_TRUE((*directory)->AppendStep(record).ok());
  const std::string whole = ReadFile(root_ + "/a/metrics.jsonl");
  {
    const FullDisk full(whole.size() + 10);
    EXPECT_FALSE((*directory)->AppendStep(record).ok());
  }
  EXPECT_EQ(ReadFile(root_ + "/a/metrics.jsonl"), whole);
  ASSERT_TRUE((*directory)->AppendStep(record).ok());
  EXPECT_EQ(ReadFile(root_ + "/a/metrics.jsonl"), whole + whole);
}

TEST_F(RunDirectoryTest, ARunThatGoesOnAddsToItsSteps) {
  EXPECT_EQ(RunDirectory::Reopen(root_, "a", config_, absl::Now(), nullptr).status().code(),
            absl::StatusCode::kNotFound);
  v1::StepRecord record;
  {
    const auto directory = RunDirectory::Create(root_, "a", config_, absl::Now());
    ASSERT_TRUE(directory.ok());
    for (const int step : {1, 2, 3}) {
      record.set_step(step);
      record.set_attempt(1);
      record.set_wall_seconds(step * 0.5);
      ASSERT_TRUE((*directory)->AppendStep(record).ok());
    }
  }
  const std::string whole = ReadFile(root_ + "/a/metrics.jsonl");
  std::ofstream(root_ + "/a/metrics.jsonl", std::ios::app) << "{\"step\": 4, \"at";  // killed
  config_.set_pattern("tttt");
  RunPast past;
  const auto directory = RunDirectory::Reopen(root_, "a", config_, absl::Now(), &past);
  ASSERT_TRUE(directory.ok()) << directory.status();
  EXPECT_EQ(past.attempts, 1);
  EXPECT_EQ(past.furthest_step, 3);
  EXPECT_EQ(past.wall_seconds, 1.5);
  EXPECT_EQ(ReadFile(root_ + "/a/metrics.jsonl"), whole);
  ASSERT_TRUE((*directory)->AppendStep(record).ok());
  EXPECT_THAT(ReadFile(root_ + "/a/metrics.jsonl"), HasSubstr(whole + "{"));
  EXPECT_THAT(ReadFile(root_ + "/a/config.textproto"), HasSubstr("tttt"));
}

}  // namespace
}  // namespace edgetp
