#include "worker/job/train_loop.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/run_plans.h"
#include "common/config/schedule.h"
#include "common/data/batches.h"
#include "common/simulate/simulated_run.h"
#include "worker/job/norm_guard.h"
#include "worker/transport/blame.h"

namespace edgetp {
namespace {

// What the simulated clock says of a step comes as soon as all ranks have reported it.
constexpr absl::Duration kClockPatience = absl::Minutes(10);
constexpr CollectiveTag kAgreement = {TrafficClass::kControl, Phase::kOptimizer, -1};

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
  report.set_skipped(result.skipped);
  return report;
}

// Such weights would be worth nothing: neither another step nor a checkpoint.
absl::Status CheckFinite(int done, const StepResult& result, double learning_rate) {
  if (result.skipped || (std::isfinite(result.loss) && std::isfinite(result.gradient_norm)))
    return absl::OkStatus();
  const char* what = std::isfinite(result.loss) ? "the gradient's norm" : "the loss";
  return absl::OutOfRangeError(absl::StrCat("train: ", what, " is not finite (step=", done,
                                            " learning_rate=", learning_rate,
                                            "): try a lower learning rate or clip_norm"));
}

std::optional<double> SkipFactor(const v1::TrainConfig& train) {
  if (!train.has_skip_norm_factor()) return std::nullopt;
  return train.skip_norm_factor();
}

class TrainLoop {
 public:
  TrainLoop(const TrainLoopParts& parts, Expectations expected)
      : parts_(parts),
        train_(parts.config->train()),
        calendar_(*parts.config),
        windows_(CountEvaluationWindows(*parts.corpus, parts.config->model().sequence())),
        expected_(std::move(expected)),
        guard_(SkipFactor(train_)) {}

  absl::StatusOr<TrainOutcome> Run() {
    RETURN_IF_ERROR(guard_.Restore(parts_.guard));
    for (int step = parts_.first_step; step < train_.steps(); ++step) {
      RETURN_IF_ERROR(parts_.control->aborted());
      RETURN_IF_ERROR(EndInTime(step));
      RETURN_IF_ERROR(DoStep(step));
    }
    return std::move(outcome_);
  }

 private:
  bool reports() const { return parts_.group->rank() == 0; }

  bool ExchangesWeights(int done) const {
    return expected_.replicas.exchange == Replicas::kWeights && calendar_.Meets(done);
  }

  // Makes this step the run's last one if its time will be over with it, and the ranks are one model
  // then. Rank 0 decides, and tells the others between two steps.
  absl::Status EndInTime(int step) {
    if (!train_.has_max_seconds() || step == parts_.first_step || !calendar_.Meets(step + 1))
      return absl::OkStatus();
    float over = 0;
    if (reports()) {
      ASSIGN_OR_RETURN(const double seconds, SecondsAfter(step));
      over = seconds >= train_.max_seconds() ? 1 : 0;
    }
    if (parts_.group->world_size() > 1)
      RETURN_IF_ERROR(parts_.group->AllReduce(kAgreement, absl::MakeSpan(&over, 1)));
    if (over == 0) return absl::OkStatus();
    train_.set_steps(step + 1);
    calendar_ = Calendar(train_.steps(), calendar_.round());
    return absl::OkStatus();
  }

  // By the run's clock, if it takes as long as the step before it.
  absl::StatusOr<double> SecondsAfter(int step) {
    if (parts_.config->clock() != v1::CLOCK_SIMULATED)
      return parts_.sink->Seconds() + absl::ToDoubleSeconds(step_time_);
    ASSIGN_OR_RETURN(const v1::RunClock clock,
                     parts_.control->AwaitClock(step, MonotonicNow() + kClockPatience));
    return clock.seconds() + clock.step_seconds();
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
    UpdateRule rule(LearningRate(train_, step));
    rule.skipped_before = guard_.skipped();
    rule.norm_limit = guard_.Limit();
    std::optional<ErrorFeedback> before;
    if (rule.norm_limit.has_value()) before = parts_.group->feedback();
    const bool exchanges = ExchangesWeights(step + 1);
    const ExpectedStep& expected = exchanges ? expected_.steps.back() : expected_.steps.front();
    parts_.group->BeginStep(step, expected.collectives, expected.compute);
    ASSIGN_OR_RETURN(const StepResult result, parts_.trainer->TrainStep(step, batches, rule));
    if (result.skipped) parts_.group->feedback() = *std::move(before);
    if (exchanges) RETURN_IF_ERROR(parts_.trainer->OuterStep());
    RETURN_IF_ERROR(parts_.group->EndStep());
    RETURN_IF_ERROR(CheckFinite(step + 1, result, rule.learning_rate));
    RETURN_IF_ERROR(Annotate(guard_.Add(result.gradient_norm, result.skipped), "train"));
    *stats = parts_.group->TakeStats();
    step_time_ = stats->elapsed;
    v1::StepReport report = ReportOf(*stats, result, expected_.measured);
    report.set_step(step + 1);
    report.set_learning_rate(rule.learning_rate);
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

  // Of a checkpoint, in the order in which GatherTensors sends them.
  std::vector<TensorInfo> CheckpointTensors() const {
    std::vector<TensorInfo> tensors = parts_.trainer->ExportedTensors(/*optimizer_state=*/true);
    const std::vector<TensorInfo> residuals =
        parts_.group->feedback().Tensors(parts_.group->world_size());
    tensors.insert(tensors.end(), residuals.begin(), residuals.end());
    for (const NamedTensor& norms : guard_.State()) tensors.push_back({norms.name, norms.shape});
    return tensors;
  }

  absl::Status GatherTensors(const ValueSink& sink) {
    RETURN_IF_ERROR(parts_.trainer->ExportWeights(/*optimizer_state=*/true, sink));
    RETURN_IF_ERROR(parts_.group->feedback().Gather(parts_.group, sink));
    if (!reports()) return absl::OkStatus();
    for (const NamedTensor& norms : guard_.State()) RETURN_IF_ERROR(sink(norms.values));
    return absl::OkStatus();
  }

  // What rank 0 cannot save does not keep it from gathering: the others send their parts all the same.
  absl::Status GatherAndWrite(int done, absl::Status* saved) {
    std::unique_ptr<CheckpointWriter> writer;
    if (reports()) {
      auto begun = parts_.sink->BeginCheckpoint(done, CheckpointTensors());
      *saved = begun.status();
      if (begun.ok()) writer = *std::move(begun);
    }
    RETURN_IF_ERROR(GatherTensors([&](absl::Span<const float> values) {
      if (saved->ok()) *saved = writer->Write(values);
      return absl::OkStatus();
    }));
    if (writer != nullptr && saved->ok()) *saved = writer->Finish();
    return absl::OkStatus();
  }

  // What cannot be saved ends no run: the one before it is still there, and the next may succeed.
  absl::Status SaveAfter(int done) {
    const bool last = done == train_.steps();
    absl::Status saved;
    const absl::Status gathered = GatherAndWrite(done, &saved);
    RETURN_IF_ERROR(parts_.control->aborted());
    if (!gathered.ok()) {
      outcome_.checkpoint = AnnotateBlame(gathered, "save checkpoint");
      if (!last) return outcome_.checkpoint;
      parts_.group->Abort(gathered);  // the others would wait in vain for this rank's part
      return absl::OkStatus();
    }
    if (reports()) {
      outcome_.checkpoint = Annotate(saved, "save checkpoint");
      if (!saved.ok()) WarnOfCheckpoint(done);
    }
    const absl::Status met = parts_.group->Barrier();
    RETURN_IF_ERROR(parts_.control->aborted());
    return last ? absl::OkStatus() : met;  // after the last step nobody needs the others any more
  }

  // The run goes on: people are told while something can still be done about it.
  void WarnOfCheckpoint(int done) const {
    const std::string why(outcome_.checkpoint.message());
    spdlog::error("step {}: {}", done, why);
    if (!parts_.progress) return;
    v1::JobProgress warning;
    warning.set_activity(absl::StrCat("warning: step ", done, ": ", why));
    parts_.progress(std::move(warning));
  }

  const TrainLoopParts& parts_;
  v1::TrainConfig train_;  // that of the config, but fewer steps where its time is over
  Calendar calendar_;
  const int64_t windows_;  // of the validation split
  const Expectations expected_;
  NormGuard guard_;
  absl::Duration step_time_;  // of the last one
  int prefetched_ = 0;        // the step before which windows were asked for
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
