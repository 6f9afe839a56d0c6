#include "cli/shared/report_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

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
}

}  // namespace
}  // namespace edgetp
