// What a folder of checkpoints is good for after whatever has happened to it.
#include "common/checkpoint/checkpoint_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "common/rpc/digest.h"
#include "tests/temporary_folder.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

namespace fs = std::filesystem;

class CheckpointFolderTest : public ::testing::Test {
 protected:
  std::string Write(int step, const std::string& bytes) {
    const std::string path = CheckpointPath(folder_, step);
    std::ofstream(path) << bytes;
    return path;
  }
  std::string Save(int step, std::optional<double> loss = std::nullopt) {
    const std::string bytes = absl::StrCat("weights of ", step);
    const std::string path = Write(step, bytes);
    EXPECT_EQ(WriteManifest(path, {.run = "a",
                                   .step = step,
                                   .size_bytes = static_cast<int64_t>(bytes.size()),
                                   .sha256 = Sha256Hex(bytes),
                                   .validation_loss = loss,
                                   .corpus = "sha256:c",
                                   .version = "1"}),
              absl::OkStatus());
    return path;
  }
  std::vector<int> Steps() {
    std::vector<int> steps;
    for (const StoredCheckpoint& each : ListCheckpoints(folder_).checkpoints)
      steps.push_back(each.manifest.step);
    return steps;
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

TEST_F(CheckpointFolderTest, TheNewestIsTheOneWithTheHighestStep) {
  EXPECT_THAT(ListCheckpoints(folder_ + "/none").checkpoints, IsEmpty());
  for (const int step : {200, 1000000, 90}) Save(step, 2.5);
  std::ofstream(CheckpointPath(folder_, 2000000) + ".1.0.tmp") << "unfinished";
  CheckpointList list = ListCheckpoints(folder_);
  EXPECT_THAT(list.passed_over, IsEmpty());
  const auto newest = NewestSound(&list);
  ASSERT_TRUE(newest.ok()) << newest.status();
  EXPECT_EQ(newest->path, folder_ + "/step-1000000.safetensors");
  EXPECT_EQ(newest->manifest.validation_loss, 2.5);
  EXPECT_EQ(newest->manifest.corpus, "sha256:c");
  EXPECT_EQ(NewestSound(&list, 1000000)->manifest.step, 200);
  RemoveUnfinishedCheckpoints(folder_);
  EXPECT_FALSE(fs::exists(CheckpointPath(folder_, 2000000) + ".1.0.tmp"));
}

TEST_F(CheckpointFolderTest, WhatIsNotWhatWasSavedIsPassedOverByName) {
  Save(1);
  const std::string changed = Save(2);
  Write(2, "weights of 9");  // as long as before
  const std::string cut = Save(3);
  fs::resize_file(cut, 4);
  const std::string without = Write(4, "weights of 4");
  const std::string torn = Save(5);
  std::ofstream(fs::path(torn).replace_extension(".json")) << "{\"step\": 5, ";
  CheckpointList list = ListCheckpoints(folder_);
  EXPECT_THAT(
      list.passed_over,
      ElementsAre(HasSubstr(torn), HasSubstr(without + " is passed over: has no manifest"),
                  HasSubstr(cut + " is passed over: is not what was saved: it has 4 bytes")));
  const auto newest = NewestSound(&list);
  ASSERT_TRUE(newest.ok()) << newest.status();
  EXPECT_EQ(newest->manifest.step, 1);
  ASSERT_THAT(list.passed_over, SizeIs(4));
  EXPECT_THAT(list.passed_over.back(),
              HasSubstr(changed + " is passed over: is not what was saved"));
  fs::remove(CheckpointPath(folder_, 1));
  list = ListCheckpoints(folder_);
  EXPECT_EQ(NewestSound(&list).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(CheckpointFolderTest, TheNewestFewAndTheBestAreKept) {
  for (const int step : {1, 2, 3, 4, 5}) Save(step, step == 2 ? 1.0 : 3.0);
  RemoveOldCheckpoints(folder_, 2);
  EXPECT_THAT(Steps(), ElementsAre(5, 4, 2));
  EXPECT_FALSE(fs::exists(folder_ + "/step-000001.json"));
  Save(6, 0.5);
  RemoveOldCheckpoints(folder_, 1);
  EXPECT_THAT(Steps(), ElementsAre(6));
}

TEST_F(CheckpointFolderTest, WithoutEvaluationsNoneIsTheBest) {
  for (const int step : {1, 2, 3}) Save(step);
  RemoveOldCheckpoints(folder_, 1);
  EXPECT_THAT(Steps(), ElementsAre(3));
}

}  // namespace
}  // namespace edgetp
