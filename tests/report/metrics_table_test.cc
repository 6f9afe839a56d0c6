#include "common/report/metrics_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/report/run_folder.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;
using testing::RunFolder;
using ::testing::StartsWith;

class MetricsTableTest : public ::testing::Test {
 protected:
  std::vector<std::string> Rows(const std::string& directory, MetricsFormat format) {
    const auto run = ReadRun(directory);
    EXPECT_TRUE(run.ok()) << run.status();
    std::ifstream lines(directory + "/metrics.jsonl");
    std::vector<std::string> rows;
    const absl::Status sent =
        SendMetricsRows(*run, lines, format, [&rows](absl::string_view bytes) {
          rows.emplace_back(bytes);
          return absl::OkStatus();
        });
    EXPECT_TRUE(sent.ok()) << sent;
    return rows;
  }

  RunFolder folder_;
};

TEST_F(MetricsTableTest, EveryRowHasACellForEachColumn) {
  const std::vector<std::string> rows = Rows(folder_.Add("a", {.steps = 3}), MetricsFormat::kCsv);
  ASSERT_EQ(rows.size(), 3u);
  for (const std::string& row : rows) {
    const std::vector<std::string> cells = absl::StrSplit(row, ',');
    EXPECT_EQ(cells.size(), MetricsColumns().size()) << row;
  }
  EXPECT_THAT(rows[0], StartsWith("a,tiny,ss,tensor,2,emulated,raspberry-pi-5,1,,1,,0.1,,"));
  EXPECT_THAT(MetricsHead(MetricsFormat::kCsv), StartsWith("run,model,pattern,"));
}

TEST_F(MetricsTableTest, AJsonLineHasWhatIsKnownAlone) {
  const std::vector<std::string> rows =
      Rows(folder_.Add("a", {.seed = 7, .steps = 3}), MetricsFormat::kJsonl);
  ASSERT_EQ(rows.size(), 3u);
  const nlohmann::json last = nlohmann::json::parse(rows[2]);
  EXPECT_EQ(last["run"], "a");
  EXPECT_EQ(last["seed"], 7);
  EXPECT_EQ(last["step"], 3);
  EXPECT_EQ(last["val_loss"], 2.1);
  EXPECT_EQ(last["compute_seconds"], 0.06);
  EXPECT_EQ(last["joules"], 2.0);
  EXPECT_FALSE(last.contains("mfu"));
  EXPECT_FALSE(nlohmann::json::parse(rows[0]).contains("val_loss"));
}

TEST_F(MetricsTableTest, OfAStepThatWasDoneTwiceTheLaterAttemptCounts) {
  const std::string run = folder_.Add("a", {.steps = 3});
  folder_.Append("a/metrics.jsonl",
                 "no JSON\n"
                 R"({"step": 2, "attempt": 2, "wall_seconds": 9, "train_loss": "NaN"})"
                 "\n");
  const std::vector<std::string> rows = Rows(run, MetricsFormat::kJsonl);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(nlohmann::json::parse(rows[1])["attempt"], 2);
  EXPECT_EQ(nlohmann::json::parse(rows[1])["train_loss"], "NaN");
}

TEST_F(MetricsTableTest, ATextWithACommaStaysOneCell) {
  const std::string run = folder_.Add("a", {.steps = 1});
  folder_.Write("a/metrics.jsonl", R"({"step": 1, "wall_seconds": 1, "network": "wifi, \"5\""})"
                                   "\n");
  EXPECT_THAT(Rows(run, MetricsFormat::kCsv)[0], HasSubstr(R"(,1,"wifi, ""5""",1,)"));
}

TEST(MetricsColumnsTest, NamesAreUnique) {
  std::set<std::string> names;
  for (const MetricsColumn& column : MetricsColumns())
    EXPECT_TRUE(names.insert(column.name).second) << column.name;
}

}  // namespace
}  // namespace edgetp
