#include "common/search/mixtures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "common/plan/pattern.h"

namespace edgetp {
namespace {

using testing::Contains;
using testing::Field;

std::vector<Mixture> Promising(const std::vector<std::string>& letters, const BlockChanges& changes,
                               int limit) {
  const auto mixtures = PromisingMixtures(letters, changes, limit);
  EXPECT_TRUE(mixtures.ok()) << mixtures.status();
  return mixtures.ok() ? *mixtures : std::vector<Mixture>();
}

BlockChanges RandomChanges(int layers, int letters, int seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> change(-0.1, 1);
  BlockChanges changes(layers, std::vector<double>(letters));
  for (auto& block : changes) {
    for (int letter = 1; letter < letters; ++letter) block[letter] = change(random);
  }
  return changes;
}

// Every mixture, by counting in the base of the letters.
std::vector<Mixture> All(const std::vector<std::string>& letters, const BlockChanges& changes) {
  std::vector<Mixture> all;
  for (int number = 0;
       number < CountMixtures(static_cast<int>(changes.size()), static_cast<int>(letters.size()));
       ++number) {
    Mixture mixture;
    for (int block = 0, rest = number; block < static_cast<int>(changes.size()); ++block) {
      const size_t letter = rest % letters.size();
      rest /= static_cast<int>(letters.size());
      mixture.pattern += letters[letter];
      mixture.change += changes[block][letter];
    }
    all.push_back(mixture);
  }
  return all;
}

int SyncPoints(const std::string& pattern) {
  return Pattern::Parse(pattern, 0)->ForwardSyncPoints();
}

TEST(MixturesTest, FewAreAllThere) {
  const std::vector<Mixture> mixtures = Promising({"t", "s"}, RandomChanges(4, 2, 1), 16);
  std::set<std::string> patterns;
  for (const Mixture& mixture : mixtures) patterns.insert(mixture.pattern);
  EXPECT_EQ(mixtures.size(), 16u);
  EXPECT_EQ(patterns.size(), 16u);
  for (size_t i = 1; i < mixtures.size(); ++i)
    EXPECT_LE(mixtures[i - 1].change, mixtures[i].change);
}

// Against a list of all: for every number of sync points the smallest sum is among them.
TEST(MixturesTest, OfManyTheBestOfEachNumberOfSyncPointsAreThere) {
  for (const std::vector<std::string>& letters :
       {std::vector<std::string>{"t", "s"}, {"t", "s", "p"}, {"t", "p"}, {"t", "d", "g"}}) {
    const BlockChanges changes = RandomChanges(6, static_cast<int>(letters.size()), 7);
    const std::vector<Mixture> mixtures = Promising(letters, changes, 20);
    EXPECT_LT(mixtures.size(), 60u);
    std::map<int, double> best;
    for (const Mixture& mixture : All(letters, changes)) {
      const auto [at, first] = best.emplace(SyncPoints(mixture.pattern), mixture.change);
      if (!first) at->second = std::min(at->second, mixture.change);
    }
    for (const auto& [points, change] : best) {
      double found = 1e9;
      for (const Mixture& mixture : mixtures) {
        if (SyncPoints(mixture.pattern) == points) found = std::min(found, mixture.change);
      }
      EXPECT_NEAR(found, change, 1e-12) << points << " sync points of " << letters.size();
    }
  }
}

// `l` has as many sums as `t`, but late ones: another class, else the cheaper `t` would hide it.
TEST(MixturesTest, LateSumsAndSmallOnesAreClassesOfTheirOwn) {
  const BlockChanges changes(8, {0, 0.5, 0.5});
  const std::vector<Mixture> mixtures = Promising({"t", "l", "t@0.5"}, changes, 10);
  EXPECT_THAT(mixtures, Contains(Field(&Mixture::pattern, AllOf("l", 8))));
  EXPECT_THAT(mixtures, Contains(Field(&Mixture::pattern, AllOf("t@0.5", 8))));
}

TEST(MixturesTest, ManyLayersTakeNoTime) {
  const std::vector<Mixture> mixtures = Promising({"t", "s"}, RandomChanges(48, 2, 3), 100);
  EXPECT_GE(mixtures.size(), 49u);  // each number of `s`
  EXPECT_LE(mixtures.size(), 160u);
}

TEST(MixturesTest, ABlockThatDivergedIsInNoneButTheLast) {
  BlockChanges changes(10, {0, 0.1});
  changes[3][1] = std::numeric_limits<double>::infinity();
  for (const Mixture& mixture : Promising({"t", "s"}, changes, 11)) {
    if (mixture.pattern != AllOf("s", 10)) {
      EXPECT_EQ(mixture.pattern[3], 't') << mixture.pattern;
    }
  }
}

TEST(MixturesTest, OneChangedBlockIsWhereItWasAskedFor) {
  EXPECT_EQ(WithOneBlock("t", 4, 0, "s"), "sttt");
  EXPECT_EQ(WithOneBlock("t", 4, 3, "t@0.5"), "tttt@0.5");
  EXPECT_EQ(CountMixtures(4, 2), 16);
}

}  // namespace
}  // namespace edgetp
