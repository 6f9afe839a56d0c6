#include "common/plan/plan_report.h"

#include "common/base/status_macros.h"
#include "common/plan/letter_report.h"

namespace edgetp {
namespace {

bool IsActivation(const CollectiveStep& step) {
  return step.tag.traffic == TrafficClass::kActivationForward ||
         step.tag.traffic == TrafficClass::kActivationBackward;
}

double Flops(const std::vector<PlanStep>& steps) {
  double flops = 0;
  for (const PlanStep& step : steps) {
    if (const auto* compute = std::get_if<ComputeStep>(&step)) flops += compute->flops;
  }
  return flops;
}

void CountCollectives(const PlanOptions& options, const std::vector<PlanStep>& steps,
                      v1::PlanReport* report) {
  int activations = 0;
  int all = 0;
  for (const CollectiveStep& step : Collectives(steps)) {
    ++all;
    if (IsActivation(step)) ++activations;
  }
  report->set_all_reduces_per_micro_step(activations / options.micro_batches);
  report->set_all_reduces_per_step(all);
}

}  // namespace

v1::MemoryBytes ToProto(const MemoryUse& use) {
  v1::MemoryBytes out;
  out.set_parameters(use.parameters_bytes);
  out.set_gradients(use.gradients_bytes);
  out.set_optimizer(use.optimizer_bytes);
  out.set_activations(use.activations_bytes);
  out.set_workspace(use.workspace_bytes);
  out.set_process(use.process_bytes);
  out.set_total(use.total_bytes());
  return out;
}

v1::TrafficBytes BytesByClass(const std::vector<PlanStep>& steps) {
  v1::TrafficBytes bytes;
  for (const CollectiveStep& step : Collectives(steps)) {
    const double n = static_cast<double>(step.wire_bytes);
    switch (step.tag.traffic) {
      case TrafficClass::kActivationForward:
        bytes.set_activation_fwd(bytes.activation_fwd() + n);
        break;
      case TrafficClass::kActivationBackward:
        bytes.set_activation_bwd(bytes.activation_bwd() + n);
        break;
      case TrafficClass::kGradSync:
        bytes.set_grad_sync(bytes.grad_sync() + n);
        break;
      case TrafficClass::kScalar:
        bytes.set_scalar(bytes.scalar() + n);
        break;
      case TrafficClass::kControl:
        bytes.set_control(bytes.control() + n);
        break;
    }
  }
  return bytes;
}

absl::StatusOr<v1::PlanReport> BuildPlanReport(const std::string& model,
                                               const PlanOptions& options) {
  ASSIGN_OR_RETURN(const StepPlan plan, BuildStepPlan(options));
  v1::PlanReport report;
  report.set_model(model);
  report.set_pattern(options.pattern.Expanded());
  report.set_overlap(ToString(options.overlap));
  report.set_layers(options.shape.layers);
  report.set_workers(options.world_size);
  report.set_sync_points_forward(options.pattern.ForwardSyncPoints());
  CountCollectives(options, plan.steps[0], &report);
  *report.mutable_bytes_per_step_per_rank() = BytesByClass(plan.steps[0]);
  report.set_parameters(plan.total_parameters);
  report.set_parameters_without_position(plan.total_parameters - plan.position_parameters);
  double flops = 0;
  for (const auto& steps : plan.steps) flops += Flops(steps);
  report.set_flops_per_step(flops);
  for (const MemoryUse& use : plan.memory) *report.add_memory_bytes_per_rank() = ToProto(use);
  for (double parameters : plan.parameters) report.add_parameters_per_rank(parameters);
  AddLetters(options, plan.steps[0], &report);
  return report;
}

}  // namespace edgetp
