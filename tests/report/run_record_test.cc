#include "common/report/run_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/report/run_folder.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::RunFolder;

class RunRecordTest : public ::testing::Test {
 protected:
  RunRecord Read(const std::string& name) {
    auto run = ReadRun(folder_.Of(name));
    EXPECT_TRUE(run.ok()) << run.status();
    return run.ok() ? *run : RunRecord();
  }

  RunFolder folder_;
};

TEST_F(RunRecordTest, AFinishedRunSaysWhatItsSummarySays) {
  folder_.Add("a");
  const RunRecord run = Read("a/");
  EXPECT_EQ(run.name, "a");
  EXPECT_THAT(run.warnings, IsEmpty());
  EXPECT_EQ(run.summary["status"], "done");
  EXPECT_EQ(run.steps.size(), 30u);
  ASSERT_TRUE(run.config.has_value());
  EXPECT_EQ(run.config->seed(), 1u);
}

TEST_F(RunRecordTest, AnUnfinishedRunIsShownAsSuchWithWhatItsMetricsTell) {
  folder_.Add("a", {.finished = false});
  const RunRecord run = Read("a");
  EXPECT_EQ(run.summary["status"], "unfinished");
  EXPECT_EQ(run.summary["pattern"], "ss");
  EXPECT_EQ(run.summary["sync_points_forward"], 2);
  EXPECT_EQ(run.summary["network"], "ethernet-1g");
  EXPECT_EQ(run.summary["device"], "raspberry-pi-5");
  EXPECT_EQ(run.summary["steps"], 30);
  EXPECT_EQ(run.summary["final"]["val_loss"], 2.1);
  EXPECT_NEAR(run.summary["breakdown_seconds"]["compute"].get<double>(), 0.06, 1e-12);
  ASSERT_EQ(run.warnings.size(), 1u);
  EXPECT_THAT(run.warnings[0], HasSubstr("a: unfinished"));
}

TEST_F(RunRecordTest, AnOlderRunLacksWhatItsVersionDidNotWrite) {
  folder_.Add("a");
  folder_.Write("a/summary.json", R"({"run":"a","status":"done","steps":30})");
  const RunRecord run = Read("a");
  EXPECT_FALSE(run.summary.contains("verdict"));
  EXPECT_FALSE(run.summary.contains("bytes_on_the_wire_per_rank"));
  EXPECT_EQ(run.summary["pattern"], "ss");  // its config says it
}

TEST_F(RunRecordTest, AConfigOfAnotherVersionCostsTheTimelineAlone) {
  folder_.Add("a");
  folder_.Append("a/config.textproto", "\nfield_of_tomorrow: 1\n");
  const RunRecord run = Read("a");
  EXPECT_FALSE(run.config.has_value());
  EXPECT_EQ(run.steps.size(), 30u);
  ASSERT_EQ(run.warnings.size(), 1u);
  EXPECT_THAT(run.warnings[0], HasSubstr("field_of_tomorrow"));
}

TEST_F(RunRecordTest, ABrokenSummaryIsToldWithItsFile) {
  folder_.Add("a");
  folder_.Write("a/summary.json", "{\"run\":");
  const RunRecord run = Read("a");
  EXPECT_EQ(run.summary["status"], "unfinished");
  ASSERT_EQ(run.warnings.size(), 1u);
  EXPECT_THAT(run.warnings[0],
              HasSubstr("a/summary.json: must be the JSON object of a RunSummary"));
}

TEST_F(RunRecordTest, ASummaryWhoseKeysAreOfOtherTypesIsToldAndNotBelieved) {
  folder_.Add("a");
  for (const char* text : {R"({"model":{"a":1}})", R"({"networks":7})", R"({"final":"x"})", "[]"}) {
    folder_.Write("a/summary.json", text);
    const RunRecord run = Read("a");
    EXPECT_EQ(run.summary["status"], "unfinished") << text;
    ASSERT_EQ(run.warnings.size(), 1u) << text;
  }
  folder_.Write("a/summary.json",
                "{\"tomorrow\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}");
  EXPECT_LE(Read("a").warnings.size(), 1u);  // told or left out, and nothing overflows
}

TEST_F(RunRecordTest, AFolderWithoutARunIsRefused) {
  folder_.Write("b/notes.txt", "no run");
  const auto run = ReadRun(folder_.Of("b"));
  EXPECT_EQ(run.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(run.status().message()), HasSubstr("no run directory"));
}

}  // namespace
}  // namespace edgetp
