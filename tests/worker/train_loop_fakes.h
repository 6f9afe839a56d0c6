// What a training loop works with, for its tests: a trainer that only communicates, and a sink that
// notes down what it gets.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/base/status_macros.h"
#include "common/data/stored_tensor.h"
#include "common/plan/step_plan.h"
#include "edgetp/v1/cluster.pb.h"
#include "worker/job/train_loop.h"
#include "worker/model/trainer.h"

namespace edgetp {

inline constexpr CollectiveTag kControlTag = {TrafficClass::kControl, Phase::kOptimizer, -1};

// What happened, in order, and what is to fail ("step 2").
struct Diary {
  std::vector<std::string> entries;
  std::string failing;
  absl::Status failure = absl::InternalError("scripted");
  std::vector<int> skipped_before;  // of each step

  absl::Status Enter(const std::string& entry) {
    entries.push_back(entry);
    return entry == failing ? failure : absl::OkStatus();
  }
};

// Does the collectives of the plan, and nothing else.
class FakeTrainer final : public Trainer {
 public:
  FakeTrainer(const v1::RunConfig& config, Communicator* group, Diary* diary)
      : options_(*ToPlanOptions(config)), group_(group), diary_(diary) {}

  double loss = 2;
  std::vector<double> norms;  // by step; 3 where it says none

  absl::StatusOr<StepResult> TrainStep(int step, absl::Span<const TokenBatch>,
                                       const UpdateRule& rule) override {
    RETURN_IF_ERROR(diary_->Enter(absl::StrCat("step ", step + 1)));
    RETURN_IF_ERROR(Perform(*BuildStepPlan(options_)));
    diary_->skipped_before.push_back(rule.skipped_before);
    const double norm = step < static_cast<int>(norms.size()) ? norms[step] : 3;
    return StepResult{loss, norm, rule.norm_limit.has_value() && !(norm <= *rule.norm_limit)};
  }
  absl::StatusOr<double> Evaluate(const TokenBatch& batch) override {
    RETURN_IF_ERROR(diary_->Enter(absl::StrCat("evaluate ", batch.batch)));
    PlanOptions options = options_;
    options.batch = batch.batch;
    RETURN_IF_ERROR(Perform(*BuildEvaluationPlan(options)));
    return static_cast<double>(batch.batch);
  }
  absl::Status CheckReplicas(int step) override {
    RETURN_IF_ERROR(diary_->Enter(absl::StrCat("check ", step + 1)));
    return Reduce(kControlTag, 10);
  }
  std::vector<TensorInfo> ExportedTensors(bool) const override { return {{"w", {1}}}; }
  absl::Status ExportWeights(bool, const ValueSink& sink) override {
    RETURN_IF_ERROR(diary_->Enter("export"));
    std::vector<float> data(options_.world_size);
    const std::vector<int64_t> counts(options_.world_size, 1);
    if (options_.world_size > 1)
      RETURN_IF_ERROR(group_->Gather(kControlTag, counts, absl::MakeSpan(data)));
    return group_->rank() == 0 ? sink({0.0f}) : absl::OkStatus();
  }
  absl::StatusOr<std::vector<float>> NextTokenLogits(absl::Span<const int64_t>) override {
    return absl::UnimplementedError("");
  }
  absl::Status LoadWeights(const std::vector<StoredTensor>&) override {
    return absl::UnimplementedError("");
  }
  absl::Status LoadOptimizerState(const std::vector<StoredTensor>&) override {
    return absl::UnimplementedError("");
  }
  absl::StatusOr<std::vector<NamedTensor>> LocalGradients() override {
    return absl::UnimplementedError("");
  }

 private:
  absl::Status Perform(const StepPlan& plan) {
    for (const CollectiveStep& step : Collectives(plan.steps[group_->rank()]))
      RETURN_IF_ERROR(Reduce(step.tag, step.elements));
    return absl::OkStatus();
  }
  absl::Status Reduce(const CollectiveTag& tag, int64_t elements) {
    std::vector<float> data(elements);
    return group_->world_size() == 1 ? absl::OkStatus()
                                     : group_->AllReduce(tag, absl::MakeSpan(data));
  }

  const PlanOptions options_;
  Communicator* const group_;
  Diary* const diary_;
};

// Notes down that a checkpoint is complete, and what is in it.
class FakeWriter final : public CheckpointWriter {
 public:
  FakeWriter(int step, const std::vector<TensorInfo>& tensors, std::vector<NamedTensor>* saved,
             Diary* diary)
      : step_(step), tensors_(tensors), saved_(saved), diary_(diary) {}
  absl::Status Write(absl::Span<const float> values) override {
    values_.insert(values_.end(), values.begin(), values.end());
    return absl::OkStatus();
  }
  absl::Status Finish() override {
    saved_->clear();
    auto at = values_.begin();
    for (const TensorInfo& tensor : tensors_) {
      saved_->push_back({tensor.name, tensor.shape, {at, at + tensor.elements()}});
      at += tensor.elements();
    }
    return diary_->Enter(absl::StrCat("save ", step_));
  }

 private:
  const int step_;
  const std::vector<TensorInfo> tensors_;
  std::vector<NamedTensor>* const saved_;
  Diary* const diary_;
  std::vector<float> values_;
};

class FakeSink final : public TrainingSink {
 public:
  explicit FakeSink(Diary* diary) : diary_(diary) {}

  double Seconds() const override { return seconds_per_report * reports.size(); }
  void EndStep(v1::StepReport* report) override {
    (void)diary_->Enter(absl::StrCat("end ", report->step()));
  }
  void Step(const StepStats&, v1::StepReport report) override {
    (void)diary_->Enter(
        absl::StrCat("report ", report.step(), report.has_val_loss() ? " val" : ""));
    reports.push_back(std::move(report));
  }
  absl::StatusOr<std::unique_ptr<CheckpointWriter>> BeginCheckpoint(
      int step, const std::vector<TensorInfo>& tensors) override {
    return std::make_unique<FakeWriter>(step, tensors, &saved, diary_);
  }

  std::vector<v1::StepReport> reports;
  std::vector<NamedTensor> saved;  // the last ones
  double seconds_per_report = 0;

 private:
  Diary* const diary_;
};

}  // namespace edgetp
