#include "common/advise/advise.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/advise/cost.h"
#include "common/advise/devices.h"
#include "common/advise/limit.h"
#include "common/advise/loss.h"
#include "common/advise/search.h"
#include "common/advise/verdict.h"
#include "common/base/status_macros.h"
#include "common/simulate/energy.h"

namespace edgetp {
namespace {

absl::Status CheckProblem(const AdviseProblem& problem) {
  const std::pair<const char*, double> sizes[] = {
      {"devices", static_cast<double>(problem.devices.size())},
      {"sequences", problem.sequences},
      {"max_workers", problem.max_workers.value_or(1)},
      {"rows", problem.rows}};
  for (const auto& [name, value] : sizes) {
    if (value < 1)
      return absl::InvalidArgumentError(absl::StrCat("advise: ", name, " must be at least 1"));
  }
  return CheckGoal(problem);
}

double MemoryShare(const v1::SimulateReport& report) {
  double share = 0;
  for (int rank = 0; rank < report.memory_bytes_per_rank_size(); ++rank) {
    const double limit = report.device_memory_bytes_per_rank(rank);
    if (limit == 0) return 0;
    share = std::max(share, report.memory_bytes_per_rank(rank).total() / limit);
  }
  return share;
}

absl::StatusOr<v1::AdvisedCandidate> Describe(const AdviseProblem& problem,
                                              const AdvisedResult& result) {
  const auto& [group, layout, split] = result.candidate;
  v1::AdvisedCandidate out;
  out.set_strategy(group.strategy.name);
  out.set_devices(DeviceMix(problem, layout.devices));
  out.set_workers(group.workers());
  out.set_pattern(group.pattern);
  out.set_wire(group.wire);
  out.set_overlap(ToString(layout.overlap));
  out.set_batch(layout.batch);
  out.set_micro_batches(layout.micro_batches);
  out.set_vocabulary_parallel(layout.vocabulary_parallel);
  out.set_recompute(layout.recompute);
  *out.mutable_split() = {split.begin(), split.end()};
  if (group.strategy.stages > 1) out.set_schedule(NameOf(StrategyOptions().schedule));
  out.set_tokens_per_step(TokensPerStep(problem));
  *out.mutable_predicted() = result.report;
  out.mutable_predicted()->set_device(out.devices());
  out.set_memory_share(MemoryShare(result.report));
  if (result.steps.has_value()) out.set_steps(*result.steps);
  ASSIGN_OR_RETURN(const StepLimit limit, LimitOf(problem, result));
  out.set_limit(limit.name);
  out.set_limit_share(limit.share);
  *out.mutable_loss() = LossOf(group, problem.base.plan.shape.layers);
  return out;
}

absl::StatusOr<std::vector<v1::AdvisedCandidate>> Ask(const AdviseProblem& problem,
                                                      AdviseSearch* search, int count,
                                                      const AdviseSearch::Wanted& wanted) {
  ASSIGN_OR_RETURN(const std::vector<AdvisedResult> results, search->Best(count, wanted));
  std::vector<v1::AdvisedCandidate> candidates;
  for (const AdvisedResult& result : results) {
    ASSIGN_OR_RETURN(candidates.emplace_back(), Describe(problem, result));
  }
  return candidates;
}

absl::Status FillAnswers(const AdviseProblem& problem, AdviseSearch* search,
                         v1::AdviseReport* report) {
  const auto everything = [](const AdviseGroup&) { return true; };
  ASSIGN_OR_RETURN(const auto best, Ask(problem, search, problem.rows, everything));
  *report->mutable_best() = {best.begin(), best.end()};
  ASSIGN_OR_RETURN(const auto one, Ask(problem, search, 1, [](const AdviseGroup& group) {
                     return group.workers() == 1;
                   }));
  if (!one.empty()) *report->mutable_best_one() = one.front();
  ASSIGN_OR_RETURN(const auto exact, Ask(problem, search, 1, IsExact));
  if (!exact.empty()) *report->mutable_best_exact() = exact.front();
  std::vector<std::string> kinds;
  for (const AdviseGroup& group : search->space().groups) {
    const std::string kind = group.strategy.Kind();
    if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.push_back(kind);
  }
  for (const std::string& kind : kinds) {
    ASSIGN_OR_RETURN(const auto of_kind, Ask(problem, search, 1, [&](const AdviseGroup& group) {
                       return group.strategy.Kind() == kind;
                     }));
    for (const v1::AdvisedCandidate& candidate : of_kind)
      *report->add_best_of_strategy() = candidate;
  }
  return absl::OkStatus();
}

// What no candidate of any problem has, and what is thinned out in this one.
std::vector<std::string> NotSearched(const AdviseSearch& search) {
  std::vector<std::string> texts = {
      "meshes of three axes, or with local; other mixtures of letters, and formats that differ by "
      "direction"};
  const auto& groups = search.space().groups;
  const bool orders = std::any_of(groups.begin(), groups.end(), [](const AdviseGroup& group) {
    return group.strategy.stages > 1 && OrdersOfDevices(group.devices) > kMaxOrders;
  });
  if (orders) {
    texts.push_back(absl::StrCat("orders of unequal devices, where there are more than ",
                                 kMaxOrders, ": the fastest first or last were tried"));
  }
  if (search.counts().too_long > 0) {
    texts.push_back(absl::StrCat(search.counts().too_long,
                                 " candidates with so many micro-batches that planning them would "
                                 "take too long; a smaller --batch_tokens has fewer"));
  }
  return texts;
}

void FillCounts(const AdviseProblem& problem, const AdviseSearch& search,
                v1::AdviseReport* report) {
  double all = 0;
  for (const AdviseGroup& group : search.space().groups)
    all += static_cast<double>(LayoutsOf(problem, group).size());
  const AdviseCounts& counts = search.counts();
  report->set_candidates(all);
  report->set_candidates_too_large(static_cast<double>(counts.too_large));
  report->set_candidates_simulated(static_cast<double>(counts.simulated));
  report->set_candidates_too_long(static_cast<double>(counts.too_long));
  report->set_candidates_bounded(
      all - static_cast<double>(counts.too_large + counts.too_long + counts.simulated));
  report->set_events(counts.events);
  for (const std::string& text : search.space().left_out) report->add_left_out(text);
  for (const std::string& text : NotSearched(search)) report->add_left_out(text);
  if (search.unfinished() == 0) return;
  report->add_left_out(absl::StrFormat(
      "%d choices of devices, pattern and format were not simulated: the search stops after about "
      "%.0f million events; fewer --devices, a smaller --max_workers or --exact are searched in "
      "full",
      search.unfinished(), kAdviseWork / 1e6));
}

void FillNotes(const AdviseProblem& problem, v1::AdviseReport* report) {
  for (const AdvisedDevices& devices : problem.devices) {
    if (!devices.profile.has_memory_bytes()) {
      report->add_notes(absl::StrCat("device ", devices.name,
                                     " does not say how much memory it has, and is taken to have "
                                     "enough; add `memory_bytes` to its profile"));
    }
    if (!ToPowerOptions(devices.profile).has_value()) {
      report->add_notes(absl::StrCat("device ", devices.name,
                                     " says no watts, so candidates with it have no joules; add "
                                     "`watts` to its profile"));
    }
    for (const std::string& note : PowerNotes({devices.profile}))
      report->add_notes(absl::StrCat("energy: ", note));
  }
}

}  // namespace

std::string DeviceMix(const AdviseProblem& problem, const std::vector<int>& devices) {
  if (devices.size() == 1) return problem.devices[devices[0]].name;
  std::string text;
  for (size_t i = 0; i < devices.size();) {
    const int kind = devices[i];
    int count = 0;
    for (; i < devices.size() && devices[i] == kind; ++i) ++count;
    absl::StrAppend(&text, text.empty() ? "" : "+", problem.devices[kind].name, "*", count);
  }
  return text;
}

absl::StatusOr<v1::AdviseReport> Advise(const AdviseProblem& problem) {
  RETURN_IF_ERROR(CheckProblem(problem));
  ASSIGN_OR_RETURN(AdviseSearch search, AdviseSearch::Create(problem));
  v1::AdviseReport report;
  report.set_model(problem.model);
  std::vector<int> pool;
  for (size_t kind = 0; kind < problem.devices.size(); ++kind)
    pool.insert(pool.end(), problem.devices[kind].count, static_cast<int>(kind));
  report.set_devices(DeviceMix(problem, pool));
  report.set_network(problem.base.network.name());
  report.set_goal(NameOf(problem.goal));
  report.set_tokens_per_step(TokensPerStep(problem));
  report.set_exact_only(problem.exact);
  RETURN_IF_ERROR(FillAnswers(problem, &search, &report));
  FillCounts(problem, search, &report);
  FillNotes(problem, &report);
  ASSIGN_OR_RETURN(*report.mutable_verdict(), VerdictOf(problem, report));
  return report;
}

}  // namespace edgetp
