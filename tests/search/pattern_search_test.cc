#include "common/search/pattern_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "common/plan/pattern.h"
#include "common/search/mixtures.h"
#include "common/search/search_report.h"

namespace edgetp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

double Seconds(const std::string& pattern) {
  return 1 + 0.1 * Pattern::Parse(pattern, 0)->ForwardSyncPoints();
}

std::vector<std::string> AllMixtures(int layers) {
  std::vector<std::string> all;
  for (int bits = 0; bits < 1 << layers; ++bits) {
    std::string pattern;
    for (int block = 0; block < layers; ++block) pattern += bits >> block & 1 ? 's' : 't';
    all.push_back(pattern);
  }
  return all;
}

// A model of losses that any search may be tried on: what a pattern costs, and how training goes.
struct FakeModel {
  std::map<std::string, double> cost;
  std::vector<Trial> trials;

  double Loss(const std::string& pattern, int amount) const {
    // Learns for long, and shows ever more of what a pattern costs.
    return 4.0 - 0.001 * amount + 0.01 * amount * cost.at(pattern);
  }
  SearchParts Parts() {
    return {.loss =
                [this](const Trial& trial) {
                  trials.push_back(trial);
                  return Loss(trial.pattern, trial.amount);
                },
            .step_seconds = [](const std::string& pattern) { return Seconds(pattern); }};
  }
  // Patterns that no other beats at the end, found by looking at all.
  std::vector<std::string> Front() const {
    std::vector<std::string> front;
    for (const auto& [pattern, own] : cost) {
      const auto beats = [&, pattern = pattern, own = own](const auto& other) {
        const double time = Seconds(other.first) - Seconds(pattern);
        return other.second <= own && time < 1e-9 && (other.second < own || time < -1e-9);
      };
      if (std::none_of(cost.begin(), cost.end(), beats)) front.push_back(pattern);
    }
    return front;
  }
};

FakeModel AnyCosts(int layers, int seed) {
  FakeModel model;
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> cost(0, 1);
  for (const std::string& pattern : AllMixtures(layers)) model.cost[pattern] = cost(random);
  return model;
}

// Blocks cost what they cost, whatever the others are.
FakeModel AdditiveCosts(int layers, int seed) {
  FakeModel model;
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> cost(-0.1, 1);
  std::vector<double> blocks(layers);
  for (double& block : blocks) block = cost(random);
  for (const std::string& pattern : AllMixtures(layers)) {
    double sum = 0;
    for (int block = 0; block < layers; ++block) sum += pattern[block] == 's' ? blocks[block] : 0;
    model.cost[pattern] = sum;
  }
  return model;
}

SearchOptions Options(int layers) {
  return {.layers = layers, .letters = {"t", "s"}, .amounts = {10, 30, 90}};
}

std::vector<std::string> FrontOf(const SearchOptions& options, const SearchResult& result) {
  EXPECT_TRUE(result.status.ok()) << result.status;
  std::vector<std::string> front;
  const v1::SearchReport report = BuildSearchReport(options, result, {}, /*tokens_per_step=*/1);
  for (const v1::SearchRow& row : report.rows()) {
    if (row.on_front()) front.push_back(row.pattern());
  }
  return front;
}

TEST(PatternSearchTest, FindsTheFrontThatAllSixteenMixturesOfFourLayersHave) {
  for (int seed = 0; seed < 50; ++seed) {
    FakeModel model = AnyCosts(4, seed);
    const SearchOptions options = Options(4);
    EXPECT_THAT(FrontOf(options, RunSearch(options, model.Parts())),
                UnorderedElementsAreArray(model.Front()))
        << seed;
  }
}

// 256 mixtures, of which it tries at most 41.
TEST(PatternSearchTest, FindsTheFrontOfManyMixturesWhereChangesAddUp) {
  for (int seed = 0; seed < 20; ++seed) {
    FakeModel model = AdditiveCosts(8, seed);
    const SearchOptions options = Options(8);
    const SearchResult result = RunSearch(options, model.Parts());
    EXPECT_LE(result.candidates.size(), 41u);
    EXPECT_THAT(FrontOf(options, result), UnorderedElementsAreArray(model.Front())) << seed;
  }
}

TEST(PatternSearchTest, LongerTrialsAreFewer) {
  FakeModel model = AdditiveCosts(8, 1);
  (void)RunSearch(Options(8), model.Parts());
  std::map<int, int> trials;
  for (const Trial& trial : model.trials) ++trials[trial.amount];
  EXPECT_EQ(trials[10], 41);
  EXPECT_LT(trials[30], 30);
  EXPECT_LE(trials[90], trials[30]);
  EXPECT_GE(trials[90], 9);  // the front has nine: one for each number of `s`
}

TEST(PatternSearchTest, NoLossIsMeasuredTwice) {
  FakeModel model = AnyCosts(4, 3);
  SearchOptions options = Options(4);
  options.seeds = 2;
  (void)RunSearch(options, model.Parts());
  std::set<std::tuple<std::string, int, int>> known;
  for (const Trial& trial : model.trials)
    EXPECT_TRUE(known.emplace(trial.pattern, trial.amount, trial.seed).second) << trial.pattern;
}

// The budget is of the baseline's loss: it is measured at every length, however bad it is.
TEST(PatternSearchTest, TheBaselineGoesOnToTheEnd) {
  FakeModel model = AnyCosts(4, 5);
  model.cost["tttt"] = 7;
  const SearchResult result = RunSearch(Options(4), model.Parts());
  ASSERT_EQ(result.candidates.front().pattern, "tttt");
  EXPECT_TRUE(result.candidates.front().Has(2));
}

TEST(PatternSearchTest, TrialsAreCountedToTheEnd) {
  FakeModel model = AdditiveCosts(6, 2);
  (void)RunSearch(Options(6), model.Parts());
  for (size_t i = 0; i < model.trials.size(); ++i) {
    EXPECT_EQ(model.trials[i].number, static_cast<int>(i) + 1);
    EXPECT_GE(model.trials[i].planned, model.trials[i].number);
  }
  EXPECT_GT(model.trials.front().amount_left, 0);
  EXPECT_EQ(model.trials.back().planned, model.trials.back().number);
  EXPECT_EQ(model.trials.back().amount_left, 0);
}

TEST(PatternSearchTest, AnErrorOfAnyTrialEndsTheSearchAndKeepsWhatIsKnown) {
  FakeModel whole = AnyCosts(4, 9);
  (void)RunSearch(Options(4), whole.Parts());
  for (size_t failing = 1; failing <= whole.trials.size(); ++failing) {
    FakeModel model = AnyCosts(4, 9);
    SearchParts parts = model.Parts();
    const auto loss = parts.loss;
    parts.loss = [&](const Trial& trial) -> absl::StatusOr<double> {
      if (trial.number == static_cast<int>(failing)) return absl::AbortedError("worker lost");
      return loss(trial);
    };
    const SearchResult result = RunSearch(Options(4), parts);
    EXPECT_EQ(result.status, absl::AbortedError("worker lost"));
    size_t measured = 0;
    for (const Candidate& candidate : result.candidates) measured += candidate.losses.size();
    EXPECT_EQ(measured, failing - 1);
    const v1::SearchReport report = BuildSearchReport(Options(4), result, {}, 1);
    EXPECT_EQ(report.chosen(), "");
    EXPECT_EQ(report.error(), "worker lost");
    EXPECT_EQ(report.rows().empty(), failing == 1);
  }
}

TEST(PatternSearchTest, AStepThatCannotBeSimulatedEndsIt) {
  FakeModel model = AnyCosts(4, 9);
  SearchParts parts = model.Parts();
  parts.step_seconds = [](const std::string&) -> absl::StatusOr<double> {
    return absl::UnavailableError("partition");
  };
  EXPECT_EQ(RunSearch(Options(4), parts).status, absl::UnavailableError("partition"));
  EXPECT_THAT(model.trials, IsEmpty());
}

TEST(PatternSearchTest, APatternThatDivergesIsLeftBehind) {
  FakeModel model = AdditiveCosts(4, 4);
  for (auto& [pattern, cost] : model.cost) {
    if (pattern[2] == 's') cost = std::numeric_limits<double>::quiet_NaN();
  }
  const SearchOptions options = Options(4);
  for (const std::string& pattern : FrontOf(options, RunSearch(options, model.Parts()))) {
    if (pattern != "ssss") {  // nothing is as fast
      EXPECT_EQ(pattern[2], 't') << pattern;
    }
  }
}

TEST(RungsTest, EachIsAFactorOfTheNext) {
  EXPECT_THAT(Rungs(2000, 3, 3), ElementsAre(222, 666, 2000));
  EXPECT_THAT(Rungs(2000, 1, 3), ElementsAre(2000));
  EXPECT_THAT(Rungs(5, 3, 2), ElementsAre(1, 2, 5));
  EXPECT_THAT(Rungs(2, 3, 3), ElementsAre(2));
}

}  // namespace
}  // namespace edgetp
