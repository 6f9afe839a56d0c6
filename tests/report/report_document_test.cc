#include "common/report/report_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/report/report_page.h"
#include "common/report/run_groups.h"
#include "tests/report/run_folder.h"

namespace edgetp {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::RunFiles;
using testing::RunFolder;

class ReportDocumentTest : public ::testing::Test {
 protected:
  void Add(const std::string& name, const RunFiles& files = {}) {
    auto run = ReadRun(folder_.Add(name, files));
    ASSERT_TRUE(run.ok()) << run.status();
    runs_.push_back(*std::move(run));
  }
  std::vector<std::string> Labels() const {
    std::vector<std::string> labels;
    for (const RunGroup& group : GroupRuns(runs_)) labels.push_back(group.label);
    return labels;
  }

  RunFolder folder_;
  std::vector<RunRecord> runs_;
};

TEST_F(ReportDocumentTest, RunsThatDifferInTheirSeedAloneAreOneGroup) {
  Add("a", {.seed = 1});
  Add("b", {.seed = 2});
  Add("c", {.pattern = "tt"});
  const std::vector<RunGroup> groups = GroupRuns(runs_);
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_THAT(groups[0].runs, ElementsAre(0, 1));
  EXPECT_EQ(groups[0].label, "ss");
  EXPECT_EQ(groups[1].label, "tt");
}

TEST_F(ReportDocumentTest, LabelsSayWhatTellsTheGroupsApartAndNoMore) {
  Add("a", {.network = "wifi-5"});
  Add("b", {.network = "ethernet-1g"});
  Add("c", {.network = "ethernet-1g", .overrides = {"train.batch=3"}});
  EXPECT_THAT(Labels(),
              ElementsAre("ss, wifi-5", "ss, ethernet-1g, batch 12", "ss, ethernet-1g, batch 3"));
}

TEST_F(ReportDocumentTest, GroupsThatNothingElseTellsApartHaveTheNamesOfTheirRuns) {
  Add("a");
  Add("b", {.overrides = {"train.beta1=0.8"}});
  EXPECT_THAT(Labels(), ElementsAre("ss, run a", "ss, run b"));
}

TEST_F(ReportDocumentTest, EachGroupHasOneSimulatedStepOfEveryRank) {
  Add("a", {.pattern = "tt"});
  const json group = ReportDocument(runs_, {})["groups"][0];
  ASSERT_TRUE(group.contains("timeline")) << group;
  const json& timeline = group["timeline"];
  EXPECT_EQ(timeline["ranks"], 2);
  std::map<int, double> ends;
  std::set<std::string> kinds;
  for (const json& span : timeline["spans"]) {
    EXPECT_LE(span[3], span[4]);
    ends[span[0]] = std::max(ends[span[0]], span[4].get<double>());
    kinds.insert(span[2].get<std::string>());
  }
  EXPECT_EQ(ends.size(), 2u);
  EXPECT_TRUE(kinds.count("compute") == 1 && kinds.count("serialization") == 1);
  // Two sums forward, two backward, for each of two blocks, of (12, 8, 16) in fp32; `direct` and
  // `two_phase` send them once between two ranks.
  const json& bytes = group["predicted_bytes_per_step_per_rank"];
  EXPECT_EQ(bytes["activation_fwd"], 4 * 12 * 8 * 16 * 4.0);
  EXPECT_EQ(bytes["activation_bwd"], bytes["activation_fwd"]);
}

TEST_F(ReportDocumentTest, ARunOnThisHostIsDrawnWithTheComputeThatItMeasured) {
  Add("a", {.device = ""});
  const json group = ReportDocument(runs_, {})["groups"][0];
  ASSERT_TRUE(group.contains("timeline")) << group;
  double compute = 0;
  for (const json& span : group["timeline"]["spans"]) {
    if (span[0] == 0 && span[2] == "compute")
      compute += span[4].get<double>() - span[3].get<double>();
  }
  EXPECT_NEAR(compute, 0.06, 1e-3);
}

TEST_F(ReportDocumentTest, AStepWhoseComputeNobodyKnowsHasNoTimelineAndSaysWhy) {
  Add("a", {.device = ""});
  runs_[0].summary.erase("breakdown_seconds");
  const json group = ReportDocument(runs_, {})["groups"][0];
  EXPECT_FALSE(group.contains("timeline"));
  EXPECT_THAT(group["no_timeline"].get<std::string>(), HasSubstr("names no device"));
}

TEST_F(ReportDocumentTest, AStepThatTakesTooLongHasNoTimelineAndSaysSo) {
  Add("a", {.pattern = "t*64", .overrides = {"model.layers=64", "train.micro_batches=64"}});
  const DocumentOptions options = {.stop = [] { return [] { return true; }; }};
  const json group = ReportDocument(runs_, options)["groups"][0];
  EXPECT_EQ(group["no_timeline"], "its step takes too long to simulate while a report is made");
}

TEST_F(ReportDocumentTest, RunsOfDifferentModelsAreWarnedOf) {
  Add("a");
  Add("b", {.model = "other"});
  const json document = ReportDocument(runs_, {});
  ASSERT_EQ(document["warnings"].size(), 1u);
  EXPECT_THAT(document["warnings"][0].get<std::string>(),
              HasSubstr("different models (other, tiny)"));
}

TEST_F(ReportDocumentTest, LongRunsStayBelowFiveMegabytes) {
  for (int i = 0; i < 12; ++i) Add("run" + std::to_string(i), {.seed = i, .steps = 10'000});
  const json document = ReportDocument(runs_, {});
  EXPECT_EQ(document["runs"][0]["curve"]["step"].size(), 1000u);
  EXPECT_EQ(document["runs"][0]["recorded_steps"], 10'000);
  EXPECT_EQ(document["runs"][0]["evaluations"]["step"], json({10'000}));
  EXPECT_LT(ReportPage(document).size(), 5'000'000u);
}

TEST_F(ReportDocumentTest, NothingInTheDataBecomesMarkup) {
  Add("a");
  runs_[0].name = "</script><script>alert(1)</script><!--";
  runs_[0].summary["pattern"] = "{{data}}{{script}}\xff";
  const std::string page = ReportPage(ReportDocument(runs_, {}));
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
  EXPECT_THAT(page, HasSubstr("\\u003c/script>\\u003cscript>alert(1)"));
  EXPECT_THAT(page, HasSubstr("{{data}}{{script}}"));  // as it is
}

TEST_F(ReportDocumentTest, ThePageAsksNoNetworkForAnything) {
  Add("a");
  const std::string page = ReportPage(ReportDocument(runs_, {}));
  for (const char* outside : {"src=\"http", "href=\"http", "@import", "url(http"})
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  EXPECT_THAT(page, HasSubstr("Copyright 2010-2023 Mike Bostock"));  // the licences come along
}

}  // namespace
}  // namespace edgetp
