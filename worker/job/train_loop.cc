#include "worker/job/train_loop.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/run_plans.h"
#include "common/data/batches.h"
#include "common/simulate/simulated_run.h"
#include "worker/job/learning_rate.h"
#include "worker/transport/blame.h"

namespace edgetp {
namespace {

// What one step of this rank does, and how long its compute takes on the device, if there is one.
struct ExpectedStep {
  std::vector<CollectiveStep> collectives;
  std::vector<absl::Duration> compute;
};

struct Expectations {
  std::vector<ExpectedStep> steps;  // as RunPlans has them
  ReplicaOptions replicas;
  bool measured = false;  // somebody charges by what the compute takes here
};

absl::StatusOr<Expectations> Expect(const v1::RunConfig& config, int rank) {
  ASSIGN_OR_RETURN(const RunPlans plans, RunPlans::Build(config));
  Expectations expected;
  ASSIGN_OR_RETURN(expected.replicas, ToReplicaOptions(config));
  const std::vector<DeviceOptions> devices = DeviceOptionsOf(config);
  expected.measured = devices.empty() && config.clock() == v1::CLOCK_SIMULATED;
  for (const StepPlan& plan : plans.all()) {
    ExpectedStep& step = expected.steps.emplace_back();
    step.collectives = CollectiveEntries(plan.steps[rank]);
    if (!devices.empty()) step.compute = SegmentDurations(plan.steps[rank], OfRank(devices, rank));
  }
  return expected;
}

v1::StepReport ReportOf(const StepStats& stats, const StepResult& result, bool measured) {
  v1::StepReport report;
  report.set_step_seconds(absl::ToDoubleSeconds(stats.elapsed));
  *report.mutable_breakdown_seconds() = stats.breakdown_seconds;
  report.set_hidden_seconds(absl::ToDoubleSeconds(stats.hidden));
  *report.mutable_bytes() = stats.bytes;
  *report.mutable_fidelity() = stats.fidelity;
  if (measured) {
    for (const absl::Duration gap : stats.compute_gaps)
      report.add_compute_seconds(static_cast<float>(absl::ToDoubleSeconds(gap)));
  }
  report.set_gradient_norm(result.gradient_norm);
  return report;
}

class TrainLoop {
 public:
  TrainLoop(const TrainLoopParts& parts, Expectations expected)
      : parts_(parts),
        train_(parts.config->train()),
        calendar_(*parts.config),
        windows_(CountEvaluationWindows(*parts.corpus, parts.config->model().sequence())),
        expected_(std::move(expected)) {}

  absl::StatusOr<TrainOutcome> Run() {
    for (int step = parts_.first_step; step < train_.steps(); ++step) {
      RETURN_IF_ERROR(parts_.control->aborted());
      RETURN_IF_ERROR(DoStep(step));
    }
    return std::move(outcome_);
  }

 private:
  bool reports() const { return parts_.group->rank() == 0; }

  bool ExchangesWeights(int done) const {
    return expected_.replicas.exchange == Replicas::kWeights && calendar_.Meets(done);
  }

  int sequence() const { return parts_.config->model().sequence(); }

  // Replicas read one part each of the micro-batch that they have together.
  BatchKey KeyOf(int step) const {
    BatchKey key{.seed = parts_.config->seed(), .step = step};
    if (expected_.replicas.replicated()) key.first_row = parts_.group->rank() * train_.batch();
    return key;
  }

  absl::StatusOr<std::vector<TokenBatch>> DrawBatches(int step) {
    std::vector<TokenBatch> batches;
    for (BatchKey key = KeyOf(step); key.micro_batch < train_.micro_batches(); ++key.micro_batch) {
      ASSIGN_OR_RETURN(TokenBatch batch,
                       TrainingBatch(*parts_.corpus, key, train_.batch(), sequence()));
      batches.push_back(std::move(batch));
    }
    if (step + 1 >= prefetched_) PrefetchFrom(step + 1);
    return batches;
  }

  // The windows of several steps at once: then few steps are computed while some travel.
  void PrefetchFrom(int step) {
    constexpr int64_t kTokens = 1 << 19;  // 1 MiB
    constexpr int64_t kMaxSteps = 64;
    const int64_t per_step =
        int64_t{train_.batch()} * train_.micro_batches() * WindowTokens(sequence());
    const int64_t steps = std::clamp<int64_t>(kTokens / per_step, 1, kMaxSteps);
    prefetched_ = static_cast<int>(std::min<int64_t>(step + steps, train_.steps()));
    for (; step < prefetched_; ++step) {
      for (BatchKey key = KeyOf(step); key.micro_batch < train_.micro_batches();
           ++key.micro_batch) {
        const int64_t tokens = parts_.corpus->size(Split::kTrain);
        parts_.corpus->Prefetch(Split::kTrain,
                                TrainingStarts(tokens, key, train_.batch(), sequence()),
                                WindowTokens(sequence()));
      }
    }
  }

  // One update, and what is due after it.
  absl::Status DoStep(int step) {
    StepStats stats;
    ASSIGN_OR_RETURN(v1::StepReport report, Update(step, &stats));
    const int done = step + 1;
    // The first step also loads code, plans kernels and touches memory: the verdict is about the
    // others.
    if (step == parts_.first_step && done < train_.steps()) parts_.group->ResetTotalFidelity();
    const bool evaluates = calendar_.Due(done, train_.eval_interval());
    const bool checks = calendar_.Due(done, train_.replica_check_interval());
    const bool saves =
        calendar_.Due(done, train_.has_checkpoint_interval() ? train_.checkpoint_interval() : 0);
    if (evaluates) RETURN_IF_ERROR(EvaluateAfter(done, &report));
    if (checks) RETURN_IF_ERROR(parts_.trainer->CheckReplicas(step));
    parts_.sink->Step(stats, std::move(report));
    if (saves) return SaveAfter(done);
    return evaluates || checks ? parts_.group->Barrier() : absl::OkStatus();
  }

  absl::StatusOr<v1::StepReport> Update(int step, StepStats* stats) {
    ASSIGN_OR_RETURN(const std::vector<TokenBatch> batches, DrawBatches(step));
    const double learning_rate = LearningRate(train_, step);
    const bool exchanges = ExchangesWeights(step + 1);
    const ExpectedStep& expected = exchanges ? expected_.steps.back() : expected_.steps.front();
    parts_.group->BeginStep(step, expected.collectives, expected.compute);
    ASSIGN_OR_RETURN(const StepResult result,
                     parts_.trainer->TrainStep(step, batches, learning_rate));
    if (exchanges) RETURN_IF_ERROR(parts_.trainer->OuterStep());
    RETURN_IF_ERROR(parts_.group->EndStep());
    if (!std::isfinite(result.loss)) {
      return absl::OutOfRangeError(absl::StrCat("train: the loss is not finite (step=", step + 1,
                                                " learning_rate=", learning_rate,
                                                "): try a lower learning rate or clip_norm"));
    }
    *stats = parts_.group->TakeStats();
    v1::StepReport report = ReportOf(*stats, result, expected_.measured);
    report.set_step(step + 1);
    report.set_learning_rate(learning_rate);
    if (reports() || expected_.replicas.replicated()) report.set_train_loss(result.loss);
    parts_.sink->EndStep(&report);
    return report;
  }

  absl::Status EvaluateAfter(int done, v1::StepReport* report) {
    const int replicas = expected_.replicas.replicated() ? parts_.group->world_size() : 1;
    const int64_t count =
        done == train_.steps() ? FinalWindows(train_, windows_, replicas) : train_.eval_windows();
    ASSIGN_OR_RETURN(outcome_.evaluation, Evaluate(parts_, SpreadWindows(windows_, count)));
    if (!reports()) return absl::OkStatus();
    report->set_val_loss(outcome_.evaluation.loss());
    report->set_val_windows(outcome_.evaluation.windows());
    return absl::OkStatus();
  }

  // Of a checkpoint, on rank 0.
  absl::StatusOr<std::vector<NamedTensor>> CollectTensors() {
    ASSIGN_OR_RETURN(
        std::vector<NamedTensor> tensors,
        parts_.trainer->ExportWeights(/*optimizer_state=*/true, Bytes("collecting weights")));
    ASSIGN_OR_RETURN(std::vector<NamedTensor> residuals,
                     parts_.group->feedback().Gather(parts_.group));
    std::move(residuals.begin(), residuals.end(), std::back_inserter(tensors));
    return tensors;
  }

  // What cannot be saved ends no run: the one before it is still there, and the next may succeed.
  absl::Status SaveAfter(int done) {
    const bool last = done == train_.steps();
    auto tensors = CollectTensors();
    RETURN_IF_ERROR(parts_.control->aborted());
    if (!tensors.ok()) {
      outcome_.checkpoint = AnnotateBlame(tensors.status(), "save checkpoint");
      if (!last) return outcome_.checkpoint;
      parts_.group->Abort(tensors.status());  // the others would wait in vain for this rank's part
      return absl::OkStatus();
    }
    if (reports()) {
      outcome_.checkpoint =
          Annotate(parts_.sink->SaveCheckpoint(done, *std::move(tensors)), "save checkpoint");
      if (!outcome_.checkpoint.ok())
        spdlog::error("step {}: {}", done, std::string(outcome_.checkpoint.message()));
    }
    const absl::Status met = parts_.group->Barrier();
    RETURN_IF_ERROR(parts_.control->aborted());
    return last ? absl::OkStatus() : met;  // after the last step nobody needs the others any more
  }

  ByteProgress Bytes(const char* activity) const {
    if (!parts_.progress) return nullptr;
    return [this, activity](double done, double total) {
      v1::JobProgress progress;
      progress.set_activity(activity);
      progress.set_done(done);
      progress.set_total(total);
      progress.set_unit("bytes");
      parts_.progress(std::move(progress));
    };
  }

  const TrainLoopParts& parts_;
  const v1::TrainConfig& train_;
  const Calendar calendar_;
  const int64_t windows_;  // of the validation split
  const Expectations expected_;
  int prefetched_ = 0;  // the step before which windows were asked for
  TrainOutcome outcome_;
};

}  // namespace

absl::StatusOr<TrainOutcome> Train(const TrainLoopParts& parts) {
  const int steps = parts.config->train().steps();
  if (parts.first_step >= steps) {
    return absl::FailedPreconditionError(
        absl::StrCat("train: nothing to do: the checkpoint is of step ", parts.first_step,
                     ", and the run has ", steps));
  }
  ASSIGN_OR_RETURN(Expectations expected, Expect(*parts.config, parts.group->rank()));
  return TrainLoop(parts, std::move(expected)).Run();
}

}  // namespace edgetp
