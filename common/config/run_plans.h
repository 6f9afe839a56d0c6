// The step plans of a run, by its strategy: what its workers execute and are audited against, what
// the server simulates, and what memory and deadlines follow from. Pure.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "common/config/calendar.h"
#include "common/plan/step_plan.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

class RunPlans {
 public:
  // Of a run whose defaults are filled.
  // Errors: those of ToPlanOptions, ToReplicaOptions and of the strategy's builder.
  static absl::StatusOr<RunPlans> Build(const v1::RunConfig& config);

  // Of a job that continues `rows` sequences: its steps, each of which takes in one token of each.
  // Errors: those of ToInferenceOptions and BuildDecodePlan.
  static absl::StatusOr<RunPlans> OfDecoding(const v1::RunConfig& config, int rows,
                                             const DecodePass& pass);

  // Each once: most steps have the first. `local` has a second one, of steps with an exchange.
  const std::vector<StepPlan>& all() const { return plans_; }
  // Which of them the update number `done` (from 1) has.
  size_t IndexOf(int done) const { return plans_.size() > 1 && calendar_.Meets(done) ? 1 : 0; }
  const StepPlan& Of(int done) const { return plans_[IndexOf(done)]; }
  // The one with all kinds of collectives that the run has.
  const StepPlan& fullest() const { return plans_.back(); }

  const Calendar& calendar() const { return calendar_; }

 private:
  RunPlans(std::vector<StepPlan> plans, const Calendar& calendar)
      : plans_(std::move(plans)), calendar_(calendar) {}

  std::vector<StepPlan> plans_;
  Calendar calendar_;
};

// The all-reduce that counts: of activations in a model that ranks share, else of what replicas
// exchange. Null: the plan has none.
const CollectiveStep* MainAllReduce(const std::vector<PlanStep>& steps);

// What a rank is planned by that evaluates or samples: where it has a replica, it does so by
// itself.
// Errors: those of ToPlanOptions and ToReplicaOptions.
absl::StatusOr<PlanOptions> ToInferenceOptions(const v1::RunConfig& config);

// A rank's list of a plan; a plan of one rank stands for all.
inline const std::vector<PlanStep>& ListOf(const StepPlan& plan, int rank) {
  return plan.steps[plan.world_size == 1 ? 0 : rank];
}

}  // namespace edgetp
