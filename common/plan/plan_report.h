// What `edgetp plan` prints: sync points, bytes, parameters, flops and memory, before anything
// runs. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/step_plan.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

// `model` is the name to print. flops_per_step is what all ranks execute together, replicated parts
// on each of them; sync points follow from the pattern; all-reduces and bytes from the plan, so
// they are 0 at world size 1.
// Errors: those of BuildStepPlan.
absl::StatusOr<v1::PlanReport> BuildPlanReport(const std::string& model,
                                               const PlanOptions& options);

v1::MemoryBytes ToProto(const MemoryUse& use);

// Adds to the field of a class.
void AddBytes(TrafficClass traffic, double bytes, v1::TrafficBytes* sum);

// The all-reduced bytes of a rank's list, by class: the tensors' sizes in their wire formats.
v1::TrafficBytes BytesByClass(const std::vector<PlanStep>& steps);

}  // namespace edgetp
