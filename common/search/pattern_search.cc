#include "common/search/pattern_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

#include "common/base/status_macros.h"
#include "common/search/mixtures.h"
#include "common/search/pareto.h"

namespace edgetp {
namespace {

// Mixtures that are looked at, simulated, for each one that is tried.
constexpr int kChoice = 2;

// Places in the list of candidates.
using Group = std::vector<size_t>;

Group Range(size_t begin, size_t end) {
  Group group(end - begin);
  std::iota(group.begin(), group.end(), begin);
  return group;
}

size_t Share(size_t count, int factor) { return (count + factor - 1) / factor; }

// So many of them, evenly from the fastest to the slowest.
Group Spread(Group group, const std::vector<Outcome>& outcomes, size_t count) {
  std::sort(group.begin(), group.end(),
            [&](size_t a, size_t b) { return outcomes[a].seconds < outcomes[b].seconds; });
  Group kept;
  for (size_t i = 0; i < count; ++i) kept.push_back(group[i * group.size() / count]);
  return kept;
}

class Search {
 public:
  Search(const SearchOptions& options, const SearchParts& parts)
      : options_(options), parts_(parts) {}

  SearchResult Run() {
    result_.status = Walk();
    return std::move(result_);
  }

 private:
  absl::Status Walk() {
    RETURN_IF_ERROR(AddSingleChanges());
    const size_t singles = candidates().size();
    const double mixtures =
        CountMixtures(options_.layers, static_cast<int>(options_.letters.size()));
    more_ = static_cast<size_t>(
        std::clamp(mixtures - static_cast<double>(singles), 0.0, 1.0 * options_.max_mixtures));
    RETURN_IF_ERROR(Measure(Range(0, singles), 0));
    RETURN_IF_ERROR(AddMixtures());
    more_ = 0;
    RETURN_IF_ERROR(Measure(Range(singles, candidates().size()), 0));
    Group group = Range(0, candidates().size());
    for (size_t rung = 1; rung < options_.amounts.size(); ++rung) {
      group = Survivors(group, rung - 1);
      RETURN_IF_ERROR(Measure(group, rung));
    }
    return absl::OkStatus();
  }

  std::vector<Candidate>& candidates() { return result_.candidates; }

  absl::Status Add(const std::string& pattern) {
    ASSIGN_OR_RETURN(const double seconds, parts_.step_seconds(pattern));
    candidates().push_back({pattern, seconds, {}});
    return absl::OkStatus();
  }

  absl::Status AddSingleChanges() {
    const std::string& baseline = options_.letters.front();
    RETURN_IF_ERROR(Add(AllOf(baseline, options_.layers)));
    for (int block = 0; block < options_.layers; ++block) {
      for (size_t letter = 1; letter < options_.letters.size(); ++letter) {
        RETURN_IF_ERROR(
            Add(WithOneBlock(baseline, options_.layers, block, options_.letters[letter])));
      }
    }
    return absl::OkStatus();
  }

  BlockChanges Changes() {
    const double baseline = candidates().front().MeanLoss(0);
    BlockChanges changes;
    size_t at = 1;
    for (int block = 0; block < options_.layers; ++block) {
      std::vector<double>& row = changes.emplace_back(1, 0.0);
      for (size_t letter = 1; letter < options_.letters.size(); ++letter) {
        const double change = candidates()[at++].MeanLoss(0) - baseline;
        // What has diverged is part of nothing good.
        row.push_back(std::isnan(change) ? std::numeric_limits<double>::infinity() : change);
      }
    }
    return changes;
  }

  // Those with the best outlook: by simulated step time and the sum of changes.
  absl::Status AddMixtures() {
    const size_t known = candidates().size();
    std::set<std::string> patterns;
    for (const Candidate& candidate : candidates()) patterns.insert(candidate.pattern);
    ASSIGN_OR_RETURN(
        std::vector<Mixture> pool,
        PromisingMixtures(options_.letters, Changes(),
                          kChoice * (options_.max_mixtures + static_cast<int>(known))));
    pool.erase(
        std::remove_if(pool.begin(), pool.end(),
                       [&](const Mixture& mixture) { return patterns.count(mixture.pattern) > 0; }),
        pool.end());
    std::vector<Outcome> outlook;
    for (const Mixture& mixture : pool) {
      ASSIGN_OR_RETURN(const double seconds, parts_.step_seconds(mixture.pattern));
      outlook.push_back({seconds, mixture.change});
    }
    for (const size_t i : BestLayers(outlook, options_.max_mixtures))
      candidates().push_back({pool[i].pattern, outlook[i].seconds, {}});
    return absl::OkStatus();
  }

  // At most `count`: whole layers, then an even part of the next one.
  static Group BestLayers(const std::vector<Outcome>& outcomes, size_t count) {
    const std::vector<int> layers = ParetoLayers(outcomes);
    Group chosen;
    for (int layer = 0; chosen.size() < std::min(count, outcomes.size()); ++layer) {
      Group members;
      for (size_t i = 0; i < layers.size(); ++i) {
        if (layers[i] == layer) members.push_back(i);
      }
      members = Spread(members, outcomes, std::min(members.size(), count - chosen.size()));
      chosen.insert(chosen.end(), members.begin(), members.end());
    }
    std::sort(chosen.begin(), chosen.end());  // by rising change
    return chosen;
  }

  Group Survivors(const Group& group, size_t rung) {
    std::vector<Outcome> outcomes;
    for (const size_t i : group)
      outcomes.push_back({candidates()[i].step_seconds, candidates()[i].MeanLoss(rung)});
    const std::vector<int> layers = ParetoLayers(outcomes);
    std::vector<int> sorted = layers;
    std::sort(sorted.begin(), sorted.end());
    const int last = sorted[Share(group.size(), options_.factor) - 1];
    Group survivors;
    for (size_t i = 0; i < group.size(); ++i) {
      if (group[i] == 0 || layers[i] <= last) survivors.push_back(group[i]);
    }
    return survivors;
  }

  absl::Status Measure(const Group& group, size_t rung) {
    const int amount = options_.amounts[rung];
    size_t left = group.size() * options_.seeds;
    for (const size_t i : group) {
      std::vector<double> losses;
      for (int seed = 0; seed < options_.seeds; ++seed) {
        --left;
        const Plan after = PlanAfter(left, group.size(), rung);
        const Trial trial{candidates()[i].pattern, amount,      seed, ++made_,
                          made_ + after.trials,    after.amount};
        ASSIGN_OR_RETURN(losses.emplace_back(), parts_.loss(trial));
      }
      candidates()[i].losses.push_back(std::move(losses));
    }
    return absl::OkStatus();
  }

  struct Plan {
    int trials = 0;
    double amount = 0;
  };

  // What comes when `left` trials of this rung are left, if every rung keeps just its share.
  Plan PlanAfter(size_t left, size_t group, size_t rung) const {
    Plan plan;
    const auto add = [&](size_t trials, size_t of) {
      plan.trials += static_cast<int>(trials);
      plan.amount += static_cast<double>(trials) * options_.amounts[of];
    };
    add(left + more_ * options_.seeds, rung);
    // The first rung is measured in two groups.
    size_t next = rung == 0 ? result_.candidates.size() + more_ : group;
    for (size_t later = rung + 1; later < options_.amounts.size(); ++later) {
      next = Share(next, options_.factor);
      add(next * options_.seeds, later);
    }
    return plan;
  }

  const SearchOptions& options_;
  const SearchParts& parts_;
  SearchResult result_;
  int made_ = 0;     // trials
  size_t more_ = 0;  // candidates of the first rung that are not chosen yet
};

}  // namespace

double Candidate::MeanLoss(size_t rung) const {
  const std::vector<double>& of_rung = losses[rung];
  return std::accumulate(of_rung.begin(), of_rung.end(), 0.0) / static_cast<double>(of_rung.size());
}

std::vector<int> Rungs(int longest, int rungs, int factor) {
  std::vector<int> amounts;
  for (int amount = longest; amount > 0 && static_cast<int>(amounts.size()) < rungs;
       amount /= factor)
    amounts.insert(amounts.begin(), amount);
  return amounts;
}

SearchResult RunSearch(const SearchOptions& options, const SearchParts& parts) {
  return Search(options, parts).Run();
}

}  // namespace edgetp
