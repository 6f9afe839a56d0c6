// Reports of real runs: `sweep --report`, and the command that `train` ends with.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"

namespace edgetp {
namespace {

using nlohmann::json;
using testing::HasSubstr;

class ReportTest : public TextFolderTest {
 protected:
  CommandResult Tiny(const std::string& command, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {command, "--data=text.txt", "--format=json", "--steps=4"};
    for (const std::string& argument : TinyModel()) arguments.push_back(argument);
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunEdgetp(folder_, arguments);
  }
};

TEST_F(ReportTest, ASweepWritesThePageOfItsRuns) {
  const CommandResult sweep =
      Tiny("sweep", {"--patterns=tt,ss", "--networks=ethernet-1g", "--device=raspberry-pi-5",
                     "--clock=simulated", "--report=sweep.html"});
  ASSERT_EQ(sweep.code, 0) << sweep.err;
  EXPECT_THAT(sweep.err, HasSubstr("report: sweep.html"));
  EXPECT_THAT(ReadFile(folder_ + "/sweep.html"), HasSubstr("<!doctype html>"));
  // The same runs, by their folder.
  const CommandResult report = RunEdgetp(folder_, {"report", "runs", "--out=all.json"});
  ASSERT_EQ(report.code, 0) << report.err;
  EXPECT_EQ(json::parse(report.out)["runs"], 2);
  const json data = json::parse(ReadFile(folder_ + "/all.json"));
  ASSERT_EQ(data["groups"].size(), 2u);
  for (const json& group : data["groups"]) {
    ASSERT_TRUE(group.contains("timeline")) << group;
    double predicted = 0;
    for (const json& bytes : group["predicted_bytes_per_step_per_rank"])
      predicted += bytes.get<double>();
    const json& run = data["runs"][group["runs"][0].get<size_t>()];
    EXPECT_EQ(run["curve"]["step"].size(), 4u);
    // Of `ss`, grad_sync and the scalar of the gradient's norm included.
    EXPECT_NEAR(predicted, run["summary"]["bytes_on_the_wire_per_rank"].get<double>(), 1);
  }
}

TEST_F(ReportTest, TrainEndsWithTheCommandThatMakesItsReport) {
  const CommandResult train = Tiny("train", {"--pattern=ss", "--run=one"});
  ASSERT_EQ(train.code, 0) << train.err;
  const std::string mark = "charts: edgetp report ";
  const size_t place = train.err.find(mark);
  ASSERT_NE(place, std::string::npos) << train.err;
  const std::string run =
      train.err.substr(place + mark.size(), train.err.find('\n', place) - place - mark.size());
  const CommandResult report = RunEdgetp(folder_, {"report", run, "--format=table"});
  ASSERT_EQ(report.code, 0) << report.err;
  EXPECT_THAT(report.out, HasSubstr("report.html: 1 run, "));
}

TEST_F(ReportTest, BadInputEndsBeforeAnythingStarts) {
  const CommandResult missing = RunEdgetp(folder_, {"report", "nobody"});
  EXPECT_EQ(missing.code, 2);
  EXPECT_THAT(missing.err, HasSubstr("run \"nobody\""));
  const CommandResult sweep = Tiny("sweep", {"--patterns=tt", "--report=page.pdf"});
  EXPECT_EQ(sweep.code, 2);
  EXPECT_THAT(sweep.err, HasSubstr("--report: report file: must end in .html"));
}

}  // namespace
}  // namespace edgetp
