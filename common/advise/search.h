// The search behind `edgetp advise`: best first, by lower bounds. Every group has a bound of what
// its best layout can reach. The group with the lowest is looked at more closely, step by step:
//
//   what its devices compute and its collectives move (no plan of its own is built)
//   the same of each layout, from its plan (advise_bound.h); what does not fit into memory ends here
//   where the network is random: its simulation without random delays
//   its simulation: what `edgetp simulate` says
//
// Once the lowest of all is a simulation, no other group can be better. So the answer is that of
// simulating everything, as long as the work does not exceed its limit. Deterministic; not
// thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/advise/candidates.h"
#include "common/advise/cost.h"
#include "common/simulate/choose_algorithm.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

struct AdvisedResult {
  AdviseCandidate candidate;
  v1::SimulateReport report;
  std::optional<int> steps;  // that had to be asked for: not what simulate takes by itself
};

struct AdviseCounts {
  int64_t candidates = 0;  // of the groups that were looked at
  int64_t too_large = 0;   // of those, for the devices' memory
  int64_t too_long = 0;    // of those, to be planned
  int64_t simulated = 0;
  double events = 0;
};

// Work of all questions together: about ten seconds of two cores. In events of the simulator; a
// planned step counts as one.
inline constexpr double kAdviseWork = 1e8;

class AdviseSearch {
 public:
  // Errors: those of BuildStepPlan and of ResolveNetwork.
  static absl::StatusOr<AdviseSearch> Create(AdviseProblem problem, double work = kAdviseWork);

  using Wanted = std::function<bool(const AdviseGroup&)>;
  // The best layout of each of the `count` best groups of those that are wanted, the best first;
  // fewer where fewer fit. What one question has found out is known to the next. Where the work is
  // used up, the best of what has been simulated.
  // Errors: those of Simulate.
  absl::StatusOr<std::vector<AdvisedResult>> Best(int count, const Wanted& wanted);

  const AdviseSpace& space() const { return space_; }
  const AdviseCounts& counts() const { return counts_; }
  // Groups that could still be better than something in an answer when the work was used up.
  int64_t unfinished() const { return unfinished_; }

 private:
  enum class Level { kBound, kCalm, kSimulated };

  // A layout of a group.
  struct Leaf {
    AdviseCandidate candidate;
    AdviseFigures figures;
    AdviseCost cost;  // at least; exactly, once simulated
    Level level = Level::kBound;
    std::optional<int> steps;
    v1::SimulateReport report;
  };
  struct Group {
    AdviseGroup group;
    AdviseCost cost;
    bool expanded = false;
    std::vector<Leaf> leaves;
  };

  explicit AdviseSearch(AdviseProblem problem) : problem_(std::move(problem)) {}

  absl::Status Prepare();
  absl::StatusOr<AdviseCost> GroupFloor(const AdviseGroup& group);
  absl::StatusOr<double> AloneSeconds(int device, const std::string& pattern);
  absl::StatusOr<double> ExchangeSeconds(const AdviseGroup& group);
  // Looks at the best of the group more closely.
  absl::Status Refine(Group* group);
  absl::Status Expand(Group* group);
  absl::Status AddLeaf(Group* group, const AdviseLayout& layout);
  absl::Status RefineLeaf(Leaf* leaf);
  absl::Status SimulateCalm(SimulateCase run, Leaf* leaf);
  absl::Status SimulateFully(SimulateCase run, Leaf* leaf);
  // Null: it has none.
  static Leaf* BestLeaf(Group* group);
  static void TakeCost(Group* group);
  // Of a group that nobody will look at again: only what has been simulated counts.
  static void KeepSimulated(Group* group);
  bool Exhausted() const { return work_ > limit_; }

  AdviseProblem problem_;
  AdviseSpace space_;
  std::vector<double> speeds_;
  std::optional<v1::NetworkProfile> calm_;
  std::vector<Group> groups_;
  std::map<std::pair<int, std::string>, double> alone_;
  std::map<std::tuple<std::string, int, std::string, std::string>, double> exchanges_;
  AlgorithmMemo chosen_, chosen_calm_;
  AdviseCounts counts_;
  double work_ = 0;
  double limit_ = kAdviseWork;
  int64_t unfinished_ = 0;
};

}  // namespace edgetp
