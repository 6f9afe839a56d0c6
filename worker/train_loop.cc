#include "worker/train_loop.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/simulate/compute_cost.h"
#include "worker/learning_rate.h"

namespace edgetp {
namespace {

// After how many updates something that happens every `interval` steps, and at the end, is due.
bool Due(int done, int interval, int steps) {
  return done == steps || (interval > 0 && done % interval == 0);
}

std::vector<TokenBatch> DrawBatches(const TrainLoopParts& parts, int step) {
  const v1::TrainConfig& train = parts.config->train();
  std::vector<TokenBatch> batches;
  for (int micro_batch = 0; micro_batch < train.micro_batches(); ++micro_batch) {
    batches.push_back(TrainingBatch(*parts.corpus, {parts.config->seed(), step, micro_batch},
                                    train.batch(), parts.config->model().sequence()));
  }
  return batches;
}

struct TrainedStep {
  StepStats stats;
  v1::StepReport report;
};

// What one step of this rank does, and how long its compute takes on the device, if there is one.
struct ExpectedStep {
  std::vector<AllReduceStep> collectives;
  std::vector<absl::Duration> compute;
  bool measured = false;  // somebody charges by what the compute takes here
};

absl::StatusOr<ExpectedStep> ExpectStep(const v1::RunConfig& config, int rank) {
  ASSIGN_OR_RETURN(const PlanOptions options, ToPlanOptions(config));
  ASSIGN_OR_RETURN(const StepPlan plan, BuildStepPlan(options));
  ExpectedStep expected;
  expected.collectives = Collectives(plan.steps[rank]);
  const std::vector<v1::DeviceProfile> devices = DevicesOf(config);
  expected.measured = devices.empty() && config.clock() == v1::CLOCK_SIMULATED;
  if (devices.empty()) return expected;
  const v1::DeviceProfile& device = devices.size() == 1 ? devices[0] : devices.at(rank);
  expected.compute = SegmentDurations(plan.steps[rank], ToDeviceOptions(device));
  return expected;
}

absl::StatusOr<TrainedStep> TrainStep(const TrainLoopParts& parts, int step,
                                      const ExpectedStep& expected) {
  const std::vector<TokenBatch> batches = DrawBatches(parts, step);
  const double learning_rate = LearningRate(parts.config->train(), step);
  parts.group->BeginStep(step, expected.collectives, expected.compute);
  ASSIGN_OR_RETURN(const StepResult result, parts.trainer->TrainStep(step, batches, learning_rate));
  RETURN_IF_ERROR(parts.group->EndStep());
  if (!std::isfinite(result.loss)) {
    return absl::OutOfRangeError(absl::StrCat("train: the loss is not finite (step=", step + 1,
                                              " learning_rate=", learning_rate,
                                              "): try a lower learning rate or clip_norm"));
  }
  TrainedStep trained{parts.group->TakeStats(), {}};
  v1::StepReport& report = trained.report;
  report.set_step(step + 1);
  report.set_step_seconds(absl::ToDoubleSeconds(trained.stats.elapsed));
  *report.mutable_breakdown_seconds() = trained.stats.breakdown_seconds;
  *report.mutable_bytes() = trained.stats.bytes;
  *report.mutable_fidelity() = trained.stats.fidelity;
  if (expected.measured) {
    for (const absl::Duration gap : trained.stats.compute_gaps)
      report.add_compute_seconds(static_cast<float>(absl::ToDoubleSeconds(gap)));
  }
  report.set_learning_rate(learning_rate);
  report.set_gradient_norm(result.gradient_norm);
  if (parts.group->rank() == 0) report.set_train_loss(result.loss);
  return trained;
}

absl::Status SaveCheckpoint(const TrainLoopParts& parts, int steps_done) {
  ASSIGN_OR_RETURN(const std::vector<NamedTensor> tensors,
                   parts.trainer->ExportWeights(/*optimizer_state=*/true));
  if (parts.group->rank() != 0) return absl::OkStatus();
  return Annotate(parts.sink->SaveCheckpoint(steps_done, tensors), "save checkpoint");
}

}  // namespace

absl::Status Train(const TrainLoopParts& parts) {
  const v1::TrainConfig& train = parts.config->train();
  ASSIGN_OR_RETURN(const ExpectedStep expected, ExpectStep(*parts.config, parts.group->rank()));
  for (int step = parts.first_step; step < train.steps(); ++step) {
    RETURN_IF_ERROR(parts.control->aborted());
    ASSIGN_OR_RETURN(TrainedStep trained, TrainStep(parts, step, expected));
    const int done = step + 1;
    // The first step also loads code, plans kernels and touches memory: the verdict is about the
    // others.
    if (step == parts.first_step && done < train.steps()) parts.group->ResetTotalFidelity();
    if (Due(done, train.eval_interval(), train.steps())) {
      ASSIGN_OR_RETURN(const double loss, EvaluateValidation(parts, train.eval_windows()));
      if (parts.group->rank() == 0) trained.report.set_val_loss(loss);
    }
    if (Due(done, train.replica_check_interval(), train.steps())) {
      RETURN_IF_ERROR(parts.trainer->CheckReplicas(step));
    }
    parts.sink->Step(trained.stats, std::move(trained.report));
    if (Due(done, train.has_checkpoint_interval() ? train.checkpoint_interval() : 0,
            train.steps())) {
      RETURN_IF_ERROR(SaveCheckpoint(parts, done));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<double> EvaluateValidation(const TrainLoopParts& parts, int64_t windows) {
  const int sequence = parts.config->model().sequence();
  const int64_t count = std::min(windows, CountEvaluationWindows(*parts.corpus, sequence));
  ASSIGN_OR_RETURN(PlanOptions options, ToPlanOptions(*parts.config));
  const int full_batch = options.batch;
  std::optional<std::vector<AllReduceStep>> expected;  // of a batch of options.batch windows
  double sum = 0;
  for (int64_t first = 0; first < count; first += full_batch) {
    RETURN_IF_ERROR(parts.control->aborted());
    const int batch =
        static_cast<int>(std::min<int64_t>(full_batch, count - first));  // the last may be smaller
    if (!expected.has_value() || batch != options.batch) {
      options.batch = batch;
      ASSIGN_OR_RETURN(const StepPlan plan, BuildEvaluationPlan(options));
      expected = Collectives(plan.steps[parts.group->rank()]);
    }
    parts.group->BeginStep(-1, *expected);
    ASSIGN_OR_RETURN(const double loss, parts.trainer->Evaluate(EvaluationBatch(
                                            *parts.corpus, first, batch, sequence)));
    RETURN_IF_ERROR(parts.group->EndStep());
    parts.group->TakeStats();  // an evaluation is no part of a step
    sum += loss * batch;
  }
  if (count == 0)
    return absl::InvalidArgumentError("evaluate: the validation split has no whole window");
  return sum / static_cast<double>(count);
}

}  // namespace edgetp
