#include "common/advise/verdict.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/advise/cost.h"
#include "common/advise/devices.h"
#include "common/base/status_macros.h"
#include "common/config/units.h"
#include "common/simulate/simulate_report.h"

namespace edgetp {
namespace {

// Where a device alone wins.
std::string OneIsBest(const AdviseProblem& problem, const v1::AdvisedCandidate& one) {
  const std::string name = absl::StrCat("one ", one.devices());
  if (PoolSize(problem) == 1) return absl::StrCat(name, ": there is no other device to join it");
  switch (problem.goal) {
    case AdviseGoal::kEnergy:
      return absl::StrCat(name, " alone needs less energy per token than any cluster of these");
    case AdviseGoal::kMemory:
      return absl::StrCat(name, " alone needs no more memory than any cluster of these");
    default:
      return absl::StrCat(name, " alone is faster than any cluster of these");
  }
}

std::string Times(double ratio) { return absl::StrFormat("%.*f", ratio < 9.95 ? 1 : 0, ratio); }

// What a cluster has over one device alone.
std::string Gain(const AdviseProblem& problem, const v1::AdvisedCandidate& best,
                 const v1::AdvisedCandidate& one) {
  if (problem.goal == AdviseGoal::kMemory) return "needs the least memory per device";
  if (problem.goal == AdviseGoal::kEnergy) return "needs the least energy per token";
  return absl::StrCat("trains ",
                      Times(one.predicted().step_seconds() / best.predicted().step_seconds()),
                      " times as fast as one ", one.devices(), " alone");
}

std::string WhatItIs(const v1::AdvisedCandidate& candidate) {
  return absl::StrCat(candidate.devices(), " (", candidate.strategy(), ", ", candidate.pattern(),
                      ", ", candidate.wire(), ")");
}

std::string LossText(const v1::AdvisedCandidate& candidate) {
  if (candidate.loss().effect() == "exact") return "with the loss of the dense model";
  if (candidate.loss().effect() == "not_known") return "but nobody knows its loss";
  return absl::StrFormat("but changes the loss (%s, %s: %.3f; %s: %.3f)",
                         candidate.loss().source().substr(0, candidate.loss().source().find(',')),
                         candidate.pattern(), candidate.loss().val_loss(),
                         candidate.loss().baseline(), candidate.loss().baseline_val_loss());
}

std::string ClusterIsBest(const AdviseProblem& problem, const v1::AdviseReport& report) {
  const v1::AdvisedCandidate& best = report.best(0);
  if (!report.has_best_one()) {
    return absl::StrCat("no device alone has the memory; ", WhatItIs(best),
                        " is the best cluster, ", LossText(best));
  }
  return absl::StrCat(WhatItIs(best), " ", Gain(problem, best, report.best_one()), ", ",
                      LossText(best));
}

// What follows for somebody who wants the dense model's loss.
std::string WithoutChange(const AdviseProblem& problem, const v1::AdviseReport& report) {
  if (report.best(0).loss().effect() == "exact") return "";
  const std::string begin = ". Without a change in the loss, ";
  if (!report.has_best_exact()) return absl::StrCat(begin, "nothing fits");
  const v1::AdvisedCandidate& exact = report.best_exact();
  if (exact.workers() == 1) return absl::StrCat(begin, OneIsBest(problem, exact));
  if (!report.has_best_one()) return absl::StrCat(begin, WhatItIs(exact), " is the best");
  return absl::StrCat(begin, WhatItIs(exact), " ", Gain(problem, exact, report.best_one()));
}

// Of the device with the most memory.
absl::StatusOr<std::string> NothingFits(const AdviseProblem& problem) {
  const auto largest = std::max_element(
      problem.devices.begin(), problem.devices.end(), [](const auto& left, const auto& right) {
        return left.profile.memory_bytes() < right.profile.memory_bytes();
      });
  const int kind = static_cast<int>(largest - problem.devices.begin());
  AdviseCandidate alone = DenseAlone(problem, kind);
  alone.layout.batch = 1;
  ASSIGN_OR_RETURN(const SimulateCase run, CaseOf(problem, alone));
  ASSIGN_OR_RETURN(const StepPlan plan, BuildEvaluationPlan(run.forecast.plan));
  return absl::StrCat("nothing fits: ", problem.model,
                      " alone, with one sequence per micro-batch, ", "needs ",
                      FormatBytes(UseOn(largest->profile, plan, 0).total_bytes()), ", ",
                      largest->name, " has ", FormatBytes(largest->profile.memory_bytes()),
                      ", and no cluster of these shares it far enough; take more devices, or "
                      "shorter sequences");
}

}  // namespace

absl::StatusOr<std::string> VerdictOf(const AdviseProblem& problem,
                                      const v1::AdviseReport& report) {
  if (report.best().empty()) return NothingFits(problem);
  const v1::AdvisedCandidate& best = report.best(0);
  if (best.workers() == 1) return OneIsBest(problem, best);
  return absl::StrCat(ClusterIsBest(problem, report), WithoutChange(problem, report));
}

}  // namespace edgetp
