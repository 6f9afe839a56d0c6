#include "common/advise/advise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/advise/loss.h"
#include "common/advise/search.h"
#include "common/config/defaults.h"
#include "common/config/load.h"
#include "common/simulate/simulated_run.h"
#include "tests/advise/problem.h"

namespace edgetp {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TensorGroup;
using testing::TinyProblem;

// Shipped profiles.
AdviseProblem Shipped(const std::string& model, const std::string& network,
                      const std::vector<std::pair<std::string, int>>& devices) {
  const ConfigLibrary library({std::string(EDGETP_SOURCE_DIR) + "/configs"});
  v1::RunConfig config;
  *config.mutable_model() = library.Model(model).value();
  *config.mutable_network() = library.Network(network).value();
  config.set_workers(1);
  if (!config.model().has_vocabulary()) config.mutable_model()->set_vocabulary(65);
  FillDefaults(&config);
  AdviseProblem problem;
  problem.model = model;
  problem.base = ToForecastCase(config).value();
  problem.sequences = 12;
  for (const auto& [name, count] : devices)
    problem.devices.push_back({name, library.Device(name).value(), count});
  return problem;
}

TEST(AdviseTest, SaysWhatItFoundOfEachCandidate) {
  const auto report = Advise(TinyProblem());
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_EQ(report->best_size(), 10);
  for (int i = 0; i < report->best_size(); ++i) {
    const v1::AdvisedCandidate& candidate = report->best(i);
    EXPECT_EQ(candidate.workers(), candidate.predicted().workers());
    EXPECT_GT(candidate.predicted().tokens_per_second(), 0);
    EXPECT_GT(candidate.memory_share(), 0);
    EXPECT_GT(candidate.limit_share(), 0);
    if (i > 0) {
      EXPECT_GE(candidate.predicted().step_seconds(),
                report->best(i - 1).predicted().step_seconds());
    }
  }
  EXPECT_EQ(report->best_one().devices(), "fast");
  EXPECT_EQ(report->best_exact().loss().effect(), "exact");
  EXPECT_EQ(report->tokens_per_step(), 64);
  EXPECT_EQ(report->devices(), "slow*2+fast*1");
  EXPECT_EQ(report->candidates(), report->candidates_simulated() + report->candidates_bounded() +
                                      report->candidates_too_large());
}

TEST(AdviseTest, TheSameQuestionHasTheSameAnswer) {
  EXPECT_EQ(Advise(TinyProblem())->SerializeAsString(), Advise(TinyProblem())->SerializeAsString());
}

TEST(AdviseTest, OverAHopelessLinkOneDeviceIsFasterThanAnyCluster) {
  AdviseProblem problem = TinyProblem();
  problem.base.network.mutable_link()->set_rate_bits_per_second(1e4);
  EXPECT_EQ(Advise(problem)->verdict(), "one fast alone is faster than any cluster of these");
}

TEST(AdviseTest, WithoutLimitsAClusterIsFasterAndItsLossIsTold) {
  AdviseProblem problem = TinyProblem();
  problem.base.network.clear_link();
  const auto report = Advise(problem);
  EXPECT_EQ(report->best(0).workers(), 3);
  EXPECT_THAT(report->verdict(), HasSubstr("times as fast as one fast alone"));
}

TEST(AdviseTest, WhereNothingFitsItSaysWhatIsMissing) {
  AdviseProblem problem = TinyProblem();
  for (AdvisedDevices& devices : problem.devices) devices.profile.set_memory_bytes(1e6);
  const auto report = Advise(problem);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->best_size(), 0);
  EXPECT_THAT(report->verdict(), HasSubstr("nothing fits: tiny alone"));
}

TEST(AdviseTest, ADeviceWithoutWhatTheGoalNeedsIsRefusedAndElsewhereTold) {
  AdviseProblem problem = TinyProblem();
  problem.devices[0].profile.clear_watts();
  problem.devices[1].profile.clear_memory_bytes();
  const auto report = Advise(problem);
  EXPECT_THAT(report->notes(), Contains(HasSubstr("device slow says no watts")));
  EXPECT_THAT(report->notes(), Contains(HasSubstr("device fast does not say how much memory")));
  problem.goal = AdviseGoal::kEnergy;
  const absl::Status watts = Advise(problem).status();
  EXPECT_EQ(watts.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(watts.message()), HasSubstr("device slow says no watts"));
  problem.goal = AdviseGoal::kMemory;
  EXPECT_THAT(std::string(Advise(problem).status().message()),
              HasSubstr("device fast does not say how much memory"));
}

TEST(AdviseTest, SizesBelowOneAreRefused) {
  for (int AdviseProblem::*size : {&AdviseProblem::sequences, &AdviseProblem::rows}) {
    AdviseProblem problem = TinyProblem();
    problem.*size = 0;
    EXPECT_EQ(Advise(problem).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

// prima.cpp, and Mesh-LLM on two Macs (docs/advise.md): over Wi-Fi, splitting every layer is slower
// than a device that has the memory.
TEST(AdviseTest, OverWifiTensorParallelismIsNeverChosenOverADeviceThatFits) {
  for (const char* board : {"raspberry-pi-5-16gb", "mac-mini-m4"}) {
    for (const char* model : {"minigpt", "gpt2"}) {
      AdviseProblem problem = Shipped(model, "wifi-5", {{board, 2}});
      problem.base.steps = 10;
      problem.exact = true;
      const auto report = Advise(problem);
      ASSERT_TRUE(report.ok()) << report.status();
      EXPECT_THAT(report->best(0).strategy(), Not(HasSubstr("tensor"))) << board << " " << model;
    }
  }
}

// GPT3-XL with fp16 on eight V100s over 10 Gbit/s, a micro-batch of one sequence: 26.1 s with pipeline
// stages and 274 s with tensor shards (Decentralized-FM, results/gpt3_xl_fp16.md, 24 layers). There
// activations are computed twice, and so 6 all-reduces in place of 4 are measured.
TEST(AdviseTest, OverTenGigabitsAPipelineOfEightIsFarFasterThanEightShards) {
  AdviseProblem problem;
  problem.model = "gpt3-xl";
  problem.base.plan.shape = {
      .layers = 24, .heads = 16, .channels = 2048, .sequence = 2048, .vocabulary = 50304};
  problem.base.network.set_name("aws");
  problem.base.network.mutable_link()->set_delay_us(100);
  problem.base.network.mutable_link()->set_rate_bits_per_second(1e10);
  v1::DeviceProfile gpu;
  gpu.set_name("v100");
  gpu.set_flops_per_second(1.4e13);
  problem.devices = {{"v100", gpu, 8}};
  problem.sequences = 32;
  AdviseSearch search = AdviseSearch::Create(problem).value();
  const auto seconds = [&](const std::string& strategy) {
    const auto best = search.Best(1, [&](const AdviseGroup& group) {
      return group.strategy.name == strategy && group.workers() == 8 && group.wire == "bf16" &&
             group.pattern == "t*24";
    });
    return best.value().at(0).report.step_seconds();
  };
  const double shards = seconds("tensor"), stages = seconds("pipeline");
  EXPECT_GT(shards / stages, 4);
  EXPECT_LT(shards / stages, 12);
}

std::string ReadPage(const std::string& page) {
  std::ifstream in(absl::StrCat(EDGETP_SOURCE_DIR, "/docs/", page));
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// The row of a table with a column of patterns and perhaps one of formats; of those that are in both
// directions, the one that is.
std::string RowOf(const std::string& section, const MeasuredLoss& row) {
  std::string found;
  for (const absl::string_view line : absl::StrSplit(section, '\n')) {
    const std::vector<std::string> cells = absl::StrSplit(line, " | ");
    if (cells[0] != absl::StrCat("| `", row.pattern, "`")) continue;
    const bool has_formats = cells.size() > 2 && absl::StartsWith(cells[1], "`");
    if (has_formats && cells[1] != absl::StrCat("`", row.wire, "`")) continue;
    if (has_formats && absl::StartsWith(cells[2], "forward")) continue;
    found = std::string(line);
  }
  return found;
}

TEST(AdviseLossTest, EveryFigureStandsInItsSectionOfThePage) {
  const std::string page = ReadPage("experiments.md");
  for (const LossTable& table : LossTables()) {
    const size_t begin = page.find(absl::StrCat("## ", table.section));
    ASSERT_NE(begin, std::string::npos) << table.section;
    const std::string section = page.substr(begin, page.find("\n## ", begin + 1) - begin);
    std::vector<MeasuredLoss> rows = table.rows;
    rows.push_back(table.baseline);
    for (const MeasuredLoss& row : rows) {
      const std::string line = RowOf(section, row);
      EXPECT_THAT(line, AnyOf(HasSubstr(absl::StrFormat(" %.3f |", row.val_loss)),
                              HasSubstr(absl::StrFormat(" %.4f |", row.val_loss))));
    }
  }
}

TEST(AdviseLossTest, ARunIsKnownForItsPatternAndFormatAlone) {
  const auto effect = [](const std::string& pattern, const std::string& wire) {
    return LossOf(TensorGroup({0, 0}, pattern, wire), 12).effect();
  };
  EXPECT_EQ(effect("t*12", "fp32"), "exact");
  EXPECT_EQ(effect("(sppp)*3", "fp32"), "measured");
  EXPECT_EQ(effect("(sppp)*3", "int4"), "measured");
  EXPECT_EQ(effect("p*12", "int4"), "not_known");
  EXPECT_EQ(effect("t@0.5*12", "fp32"), "not_known");
  EXPECT_EQ(effect("g*12", "fp32"), "not_known");
  EXPECT_EQ(LossOf(TensorGroup({0, 0}, "p*12"), 12).val_loss(), 1.8197);
}

}  // namespace
}  // namespace edgetp
