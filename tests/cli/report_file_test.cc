#include "cli/shared/report_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "cli/shared/metrics_export.h"
#include "common/base/files.h"
#include "tests/report/run_folder.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::RunFolder;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class ReportFileTest : public ::testing::Test {
 protected:
  std::string Text(const std::string& file) {
    const auto text = ReadWholeFile(folder_.Of(file), 1 << 30);
    EXPECT_TRUE(text.ok()) << text.status();
    return text.ok() ? *text : "";
  }

  RunFolder folder_;
};

TEST_F(ReportFileTest, AWordIsANameADirectoryOrAFolderOfRuns) {
  folder_.Add("b");
  folder_.Add("a");
  const auto found = FindRuns({"b", folder_.Of("b/"), folder_.path()}, folder_.path());
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(*found, ElementsAre(folder_.Of("b"), folder_.Of("a")));
}

TEST_F(ReportFileTest, AMissingRunIsToldWithNearNames) {
  folder_.Add("sppp-wifi");
  const auto found = FindRuns({"sppp-wfi", "nothing-like-it"}, folder_.path());
  EXPECT_EQ(found.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(found.status()), HasSubstr("run \"sppp-wfi\""));
  EXPECT_THAT(Message(found.status()), HasSubstr("did you mean \"sppp-wifi\"?"));
  EXPECT_THAT(Message(found.status()), HasSubstr("run \"nothing-like-it\""));
}

TEST_F(ReportFileTest, ThePageAndItsDataAreWritten) {
  const std::string run = folder_.Add("a");
  for (const char* file : {"out.html", "out.json"}) {
    const auto written = WriteReport({run}, folder_.Of(file));
    ASSERT_TRUE(written.ok()) << written.status();
    EXPECT_EQ(written->runs, 1u);
    EXPECT_EQ(written->bytes, Text(file).size());
    // Its own file is overwritten.
    EXPECT_TRUE(WriteReport({run}, folder_.Of(file)).ok());
  }
  EXPECT_THAT(Text("out.html"), HasSubstr("<!doctype html>"));
  EXPECT_EQ(nlohmann::json::parse(Text("out.json"))["runs"][0]["name"], "a");
}

TEST_F(ReportFileTest, AnotherFileIsNotOverwritten) {
  const std::string run = folder_.Add("a");
  const std::string before = Text("a/summary.json");
  const auto written = WriteReport({run}, folder_.Of("a/summary.json"));
  EXPECT_EQ(written.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(written.status()), HasSubstr("it is not overwritten"));
  EXPECT_EQ(Text("a/summary.json"), before);
  EXPECT_THAT(Message(CheckReportFile("report.pdf")), HasSubstr("must end in .html"));
}

TEST_F(ReportFileTest, RunsWithoutStepsAreLeftOutAndAloneRefused) {
  const std::string run = folder_.Add("a");
  const std::string empty = folder_.Add("b", {.steps = 0, .finished = false});
  const auto written = WriteReport({run, empty}, folder_.Of("out.html"));
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->runs, 1u);
  EXPECT_THAT(written->warnings, ElementsAre("b: left out: it has no training steps"));
  const auto nothing = WriteReport({empty}, folder_.Of("none.html"));
  EXPECT_EQ(nothing.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(folder_.Of("none.html")));
  // Of metrics that cannot be read, with place and rule.
  folder_.Write("b/metrics.jsonl", "no JSON\n");
  EXPECT_THAT(Message(WriteReport({empty}, folder_.Of("none.html")).status()),
              HasSubstr("b/metrics.jsonl:1: must be one JSON object"));
}

using ExportMetricsTest = ReportFileTest;

TEST_F(ExportMetricsTest, StepsOfAllRunsAreInOneFile) {
  folder_.Add("a", {.steps = 3});
  folder_.Add("b", {.steps = 2, .finished = false});
  const MetricsExport wanted = {.runs = {folder_.path()}, .out = folder_.Of("steps.csv")};
  ASSERT_TRUE(ExportMetrics(wanted).ok());
  const std::string text = Text("steps.csv");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1 + 3 + 2);
  // Its own file is overwritten.
  EXPECT_TRUE(ExportMetrics(wanted).ok());
  EXPECT_EQ(Text("steps.csv"), text);
}

TEST_F(ExportMetricsTest, SomebodyElsesFileIsNotOverwritten) {
  folder_.Add("a", {.steps = 3});
  folder_.Write("mine.csv", "a,b\n1,2\n");
  const absl::Status refused = ExportMetrics(
      {.runs = {"a"}, .runs_directory = folder_.path(), .out = folder_.Of("mine.csv")});
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(Message(refused), HasSubstr("it is not overwritten"));
  EXPECT_EQ(Text("mine.csv"), "a,b\n1,2\n");
}

TEST_F(ExportMetricsTest, WithoutAStepThereIsNothingToWrite) {
  folder_.Add("a", {.steps = 0, .finished = false});
  const absl::Status refused = ExportMetrics(
      {.runs = {"a"}, .runs_directory = folder_.path(), .out = folder_.Of("steps.csv")});
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(folder_.Of("steps.csv")));
}

}  // namespace
}  // namespace edgetp
