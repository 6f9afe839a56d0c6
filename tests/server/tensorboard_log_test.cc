#include "server/tensorboard_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/temporary_folder.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

class TensorboardLogTest : public ::testing::Test {
 protected:
  static v1::StepRecord Step(int step, int attempt) {
    v1::StepRecord record;
    record.set_step(step);
    record.set_attempt(attempt);
    record.set_wall_seconds(step * 0.5);
    record.set_network("lte");
    return record;
  }

  TensorboardLog OpenAt(int64_t seconds) {
    absl::StatusOr<TensorboardLog> log =
        TensorboardLog::Open(folder_, "seed: 1", absl::FromUnixSeconds(seconds));
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  // Without a look at checksums.
  std::vector<tensorboard::Event> Events(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    std::vector<tensorboard::Event> events;
    for (size_t at = 0; at < bytes.size();) {
      uint64_t length = 0;
      std::memcpy(&length, &bytes[at], sizeof(length));
      EXPECT_TRUE(events.emplace_back().ParseFromString(bytes.substr(at + 12, length)));
      at += length + 16;
    }
    return events;
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path() + "/tensorboard";
};

TEST_F(TensorboardLogTest, FilesSortInTheOrderInWhichTheyWereOpened) {
  OpenAt(1000);
  OpenAt(1000);
  OpenAt(900);  // the host's clock was set back
  EXPECT_THAT(Names(), ElementsAre("events.out.tfevents.0000001000.edgetp",
                                   "events.out.tfevents.0000001001.edgetp",
                                   "events.out.tfevents.0000001002.edgetp"));
}

TEST_F(TensorboardLogTest, AnAttemptBeginsWithAMarkAtItsFirstStep) {
  TensorboardLog log = OpenAt(1000);
  for (const auto& [step, attempt] : {std::pair(1, 1), {2, 1}, {2, 2}, {3, 2}})
    ASSERT_TRUE(log.Step(Step(step, attempt)).ok());
  std::vector<int64_t> starts;
  for (const tensorboard::Event& event : Events(Names()[0])) {
    if (event.has_session_log()) starts.push_back(event.step());
  }
  EXPECT_THAT(starts, ElementsAre(1, 2));
}

TEST_F(TensorboardLogTest, TheClockGoesOnWhereTheRunWasOpenedAgain) {
  ASSERT_TRUE(OpenAt(1000).Step(Step(4, 1)).ok());
  ASSERT_TRUE(OpenAt(5000).Step(Step(5, 2)).ok());
  EXPECT_EQ(Events(Names()[0]).back().wall_time(), 1002);
  EXPECT_EQ(Events(Names()[1]).back().wall_time(), 1002.5);
}

TEST_F(TensorboardLogTest, ANetworkIsToldWhenItComesIntoForce) {
  TensorboardLog log = OpenAt(1000);
  ASSERT_TRUE(log.Step(Step(1, 1)).ok());
  ASSERT_TRUE(log.Step(Step(2, 1)).ok());
  v1::StepRecord changed = Step(3, 1);
  changed.set_network("wifi-5");
  ASSERT_TRUE(log.Step(changed).ok());
  std::vector<std::string> told;
  for (const tensorboard::Event& event : Events(Names()[0])) {
    for (const auto& value : event.summary().value()) {
      if (value.tag() == "network")
        told.push_back(absl::StrCat(event.step(), value.tensor().string_val(0)));
    }
  }
  EXPECT_THAT(told, ElementsAre("1    lte", "3    wifi-5"));
}

TEST_F(TensorboardLogTest, AFileInTheWayIsAnErrorThatNamesIt) {
  std::ofstream(folder_) << "a file";
  const auto log = TensorboardLog::Open(folder_, "", absl::FromUnixSeconds(1000));
  EXPECT_FALSE(log.ok());
  EXPECT_THAT(std::string(log.status().message()), HasSubstr(folder_));
}

}  // namespace
}  // namespace edgetp
