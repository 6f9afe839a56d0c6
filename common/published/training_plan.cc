#include "common/published/training_plan.h"

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"

namespace edgetp {
namespace {

// In forward passes of a layer.
constexpr double kForwardUnits = 1;
constexpr double kBackwardUnits = 2;
// Attention and MLP, each of which ends in an all-reduce.
constexpr int kSubBlocks = 2;

// Writes one rank's list.
class RankWriter {
 public:
  RankWriter(const v1::PublishedTraining& work, const WireFormat& wire, int stage, int place)
      : sizes_(work),
        recompute_(work.recompute()),
        layers_(work.layers() / sizes_.pipeline),
        micro_batches_(work.micro_batches()),
        elements_(int64_t{sizes_.sequences} * work.sequence() * work.channels()),
        wire_(wire),
        stage_(stage),
        place_(place) {
    for (int i = 0; i < sizes_.tensor; ++i) tensor_group_.push_back(RankOf(stage, i));
  }

  std::vector<PlanStep> Steps(v1::PublishedTraining::Schedule schedule) {
    // Micro-batches of which a stage does the forward pass before its first backward pass.
    const bool alternates = schedule == v1::PublishedTraining::SCHEDULE_ONE_FORWARD_ONE_BACKWARD;
    const int ahead =
        alternates ? std::min(micro_batches_, sizes_.pipeline - 1 - stage_) : micro_batches_;
    for (int i = 0; i < ahead; ++i) Forward();
    for (int i = ahead; i < micro_batches_; ++i) {
      Forward();
      Backward();
    }
    for (int i = 0; i < ahead; ++i) Backward();
    for (int64_t handle = 0; handle < started_; ++handle) {
      CollectiveStep wait = sent_[handle];
      wait.part = CollectivePart::kWait;
      steps_.push_back(std::move(wait));
    }
    return std::move(steps_);
  }

 private:
  int RankOf(int stage, int place) const { return stage * sizes_.tensor + place; }
  bool first() const { return stage_ == 0; }
  bool last() const { return stage_ == sizes_.pipeline - 1; }

  void Forward() {
    if (!first()) Receive(stage_ - 1, Phase::kForward);
    Layers(Phase::kForward, kForwardUnits);
    if (!last()) Send(stage_ + 1, Phase::kForward);
  }

  void Backward() {
    if (!last()) Receive(stage_ + 1, Phase::kBackward);
    if (recompute_) Layers(Phase::kBackward, kForwardUnits);
    Layers(Phase::kBackward, kBackwardUnits);
    if (!first()) Send(stage_ - 1, Phase::kBackward);
  }

  void Layers(Phase phase, double units) {
    if (sizes_.tensor == 1) return Compute(phase, layers_ * units);
    for (int i = 0; i < layers_ * kSubBlocks; ++i) {
      Compute(phase, units / kSubBlocks);
      CollectiveStep sum = Exchange(phase, CollectiveKind::kAllReduce);
      // One stage alone is all ranks.
      if (sizes_.pipeline > 1) sum.group = tensor_group_;
      steps_.push_back(std::move(sum));
    }
  }

  void Compute(Phase phase, double units) {
    steps_.push_back(ComputeStep{phase, -1, units, /*bytes_touched=*/0});
  }

  void Send(int stage, Phase phase) {
    CollectiveStep message = Exchange(phase, CollectiveKind::kSend);
    message.group = {RankOf(stage_, place_), RankOf(stage, place_)};
    message.part = CollectivePart::kStart;
    message.handle = started_++;
    sent_.push_back(message);
    steps_.push_back(std::move(message));
  }

  void Receive(int stage, Phase phase) {
    CollectiveStep message = Exchange(phase, CollectiveKind::kSend);
    message.group = {RankOf(stage, place_), RankOf(stage_, place_)};
    steps_.push_back(std::move(message));
  }

  CollectiveStep Exchange(Phase phase, CollectiveKind kind) const {
    const TrafficClass traffic = phase == Phase::kForward ? TrafficClass::kActivationForward
                                                          : TrafficClass::kActivationBackward;
    return {.tag = {traffic, phase, -1}, .elements = elements_, .wire = wire_, .kind = kind};
  }

  const TrainingSizes sizes_;
  const bool recompute_;
  const int layers_;  // of the stage
  const int micro_batches_;
  const int64_t elements_;  // activations of a micro-batch
  const WireFormat wire_;
  const int stage_;
  const int place_;
  std::vector<int> tensor_group_;
  int64_t started_ = 0;
  std::vector<CollectiveStep> sent_;
  std::vector<PlanStep> steps_;
};

}  // namespace

TrainingSizes::TrainingSizes(const v1::PublishedTraining& work)
    : pipeline(work.has_pipeline() ? work.pipeline() : 1),
      tensor(work.has_tensor() ? work.tensor() : 1),
      data(work.has_data() ? work.data() : 1),
      sequences(work.has_sequences() ? work.sequences() : 1) {}

absl::StatusOr<StepPlan> BuildTrainingPlan(const v1::PublishedTraining& work) {
  ASSIGN_OR_RETURN(const WireFormat wire,
                   WireFormat::Parse(work.has_wire() ? work.wire() : "fp32"));
  const TrainingSizes sizes(work);
  StepPlan plan;
  plan.world_size = sizes.ranks();
  for (int stage = 0; stage < sizes.pipeline; ++stage) {
    for (int place = 0; place < sizes.tensor; ++place)
      plan.steps.push_back(RankWriter(work, wire, stage, place).Steps(work.schedule()));
  }
  return plan;
}

}  // namespace edgetp
