#include "common/config/run_plans.h"

#include <utility>

#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/plan/data_parallel.h"

namespace edgetp {

absl::StatusOr<RunPlans> RunPlans::Build(const v1::RunConfig& config) {
  ASSIGN_OR_RETURN(const PlanOptions options, ToPlanOptions(config));
  ASSIGN_OR_RETURN(const ReplicaOptions replicas, ToReplicaOptions(config));
  const Calendar calendar(config);
  std::vector<StepPlan> plans;
  switch (replicas.exchange) {
    case Replicas::kNone: {
      ASSIGN_OR_RETURN(plans.emplace_back(), BuildStepPlan(options));
      break;
    }
    case Replicas::kGradients: {
      ASSIGN_OR_RETURN(plans.emplace_back(), BuildDataPlan(options, replicas.bucket_bytes));
      break;
    }
    case Replicas::kWeights: {
      ASSIGN_OR_RETURN(LocalPlans local, BuildLocalPlans(options));
      if (calendar.round() > 1) plans.push_back(std::move(local.inner));
      plans.push_back(std::move(local.outer));
      break;
    }
  }
  return RunPlans(std::move(plans), calendar);
}

absl::StatusOr<RunPlans> RunPlans::OfDecoding(const v1::RunConfig& config, int rows,
                                              const DecodePass& pass) {
  ASSIGN_OR_RETURN(PlanOptions options, ToInferenceOptions(config));
  options.batch = rows;
  std::vector<StepPlan> plans;
  ASSIGN_OR_RETURN(plans.emplace_back(), BuildDecodePlan(options, pass));
  return RunPlans(std::move(plans), Calendar(config));
}

const CollectiveStep* MainAllReduce(const std::vector<PlanStep>& steps) {
  const CollectiveStep* exchange = nullptr;
  for (const PlanStep& step : steps) {
    const auto* sum = std::get_if<CollectiveStep>(&step);
    if (sum == nullptr) continue;
    if (sum->tag.traffic == TrafficClass::kActivationForward) return sum;
    if (exchange == nullptr && sum->tag.traffic == TrafficClass::kGradSync) exchange = sum;
  }
  return exchange;
}

absl::StatusOr<PlanOptions> ToInferenceOptions(const v1::RunConfig& config) {
  ASSIGN_OR_RETURN(PlanOptions options, ToPlanOptions(config));
  ASSIGN_OR_RETURN(const ReplicaOptions replicas, ToReplicaOptions(config));
  return replicas.replicated() ? OfOneReplica(std::move(options)) : options;
}

}  // namespace edgetp
