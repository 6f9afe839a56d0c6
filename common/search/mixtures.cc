#include "common/search/mixtures.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/plan/pattern.h"

namespace edgetp {
namespace {

// What tells one sum over the ranks from another: by how many stages it may be late, and its share
// of the channels, in millionths.
using SumKind = std::pair<int, int64_t>;
// How many of each kind a forward pass has.
using Sums = std::map<SumKind, int>;

absl::StatusOr<Sums> SumsOf(const std::string& text) {
  ASSIGN_OR_RETURN(const Pattern pattern, Pattern::Parse(text, /*layers=*/0));
  Sums sums;
  for (const PatternBlock& block : pattern.blocks()) {
    for (const Stage& stage : StagesOf(block)) {
      if (stage.forward_sum == Channels::kNone) continue;
      ++sums[{SlackOf(block), CountOf(stage.forward_sum, block, kWholeShare)}];
    }
  }
  return sums;
}

// Adds `sign` times `more`. Kinds without a sum stay out, so that equal sums compare equal.
void Add(const Sums& more, int sign, Sums* sums) {
  for (const auto& [kind, count] : more) {
    if (((*sums)[kind] += sign * count) == 0) sums->erase(kind);
  }
}

// What a block adds behind another one: a run of `p` has one sum, however long it is. A run's cost
// grows by the same with every block, so the block before is all that matters.
class Extensions {
 public:
  static absl::StatusOr<Extensions> Of(const std::vector<std::string>& letters) {
    Extensions extensions;
    for (const std::string& letter : letters) {
      ASSIGN_OR_RETURN(extensions.first_.emplace_back(), SumsOf(letter));
    }
    for (size_t before = 0; before < letters.size(); ++before) {
      auto& row = extensions.behind_.emplace_back();
      for (const std::string& letter : letters) {
        ASSIGN_OR_RETURN(Sums sums, SumsOf(absl::StrCat(letters[before], letter)));
        Add(extensions.first_[before], -1, &sums);
        row.push_back(std::move(sums));
      }
    }
    return extensions;
  }

  const Sums& First(size_t letter) const { return first_[letter]; }
  const Sums& Behind(size_t before, size_t letter) const { return behind_[before][letter]; }

 private:
  std::vector<Sums> first_;
  std::vector<std::vector<Sums>> behind_;
};

bool Precedes(const Mixture& a, const Mixture& b) {
  return std::tie(a.change, a.pattern) < std::tie(b.change, b.pattern);
}

void KeepBest(size_t count, std::vector<Mixture>* mixtures) {
  std::sort(mixtures->begin(), mixtures->end(), Precedes);
  if (mixtures->size() > count) mixtures->resize(count);
}

using ByClass = std::map<Sums, std::vector<Mixture>>;

// The `keep` best of each class, exactly: block by block, of the beginnings that end in one letter
// and have the same sums, no worse one can become part of a better mixture.
ByClass BestOfEachClass(const std::vector<std::string>& letters, const Extensions& extensions,
                        const BlockChanges& changes, size_t keep) {
  std::map<std::pair<Sums, size_t>, std::vector<Mixture>> beginnings;
  for (size_t letter = 0; letter < letters.size(); ++letter)
    beginnings[{extensions.First(letter), letter}].push_back({letters[letter], changes[0][letter]});
  for (size_t block = 1; block < changes.size(); ++block) {
    std::map<std::pair<Sums, size_t>, std::vector<Mixture>> longer;
    for (const auto& [key, mixtures] : beginnings) {
      for (size_t letter = 0; letter < letters.size(); ++letter) {
        Sums sums = key.first;
        Add(extensions.Behind(key.second, letter), 1, &sums);
        std::vector<Mixture>& out = longer[{std::move(sums), letter}];
        for (const Mixture& mixture : mixtures) {
          out.push_back({absl::StrCat(mixture.pattern, letters[letter]),
                         mixture.change + changes[block][letter]});
        }
      }
    }
    for (auto& [key, mixtures] : longer) KeepBest(keep, &mixtures);
    beginnings = std::move(longer);
  }
  ByClass classes;
  for (auto& [key, mixtures] : beginnings) {
    std::vector<Mixture>& out = classes[key.first];
    out.insert(out.end(), mixtures.begin(), mixtures.end());
    KeepBest(keep, &out);
  }
  return classes;
}

// So many of them, evenly over the classes.
std::vector<Mixture> Thinned(std::vector<Mixture> mixtures, size_t count) {
  if (mixtures.size() <= count) return mixtures;
  std::vector<Mixture> kept;
  for (size_t i = 0; i < count; ++i)
    kept.push_back(std::move(mixtures[i * mixtures.size() / count]));
  return kept;
}

}  // namespace

std::string WithOneBlock(const std::string& baseline, int layers, int block,
                         const std::string& letter) {
  return absl::StrCat(AllOf(baseline, block), letter, AllOf(baseline, layers - block - 1));
}

std::string AllOf(const std::string& letter, int layers) {
  std::string pattern;
  for (int i = 0; i < layers; ++i) absl::StrAppend(&pattern, letter);
  return pattern;
}

double CountMixtures(int layers, int letters) { return std::pow(letters, layers); }

absl::StatusOr<std::vector<Mixture>> PromisingMixtures(const std::vector<std::string>& letters,
                                                       const BlockChanges& changes, int limit) {
  ASSIGN_OR_RETURN(const Extensions extensions, Extensions::Of(letters));
  const int layers = static_cast<int>(changes.size());
  size_t keep = limit;
  if (CountMixtures(layers, static_cast<int>(letters.size())) > limit) {
    const size_t classes = BestOfEachClass(letters, extensions, changes, 1).size();
    keep = std::max<size_t>(1, (limit + classes - 1) / classes);
  }
  std::vector<Mixture> mixtures;
  for (auto& [sums, best] : BestOfEachClass(letters, extensions, changes, keep))
    mixtures.insert(mixtures.end(), best.begin(), best.end());
  mixtures = Thinned(std::move(mixtures), kMaxMixtures);
  std::sort(mixtures.begin(), mixtures.end(), Precedes);
  return mixtures;
}

}  // namespace edgetp
