#include "worker/job/calibrate_shapes.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <utility>

#include "common/base/quantile.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/plan/step_plan.h"
#include "worker/job/trainer_options.h"
#include "worker/model/trainer.h"
#include "worker/transport/peer_clock.h"

namespace edgetp {
namespace {

constexpr int kWarmupSteps = 4;
constexpr int kSteps = 15;

struct Shape {
  const char* name;
  int layers;
  int heads;
  int channels;
  int sequence;
  int batch;
  char letter;
  bool alone;  // on one rank, which holds all of it
};

// Small, so that all of them take seconds, and different where the cost model needs it: each term
// decides one of them.
constexpr Shape kShapes[] = {
    {"few tokens", 2, 4, 128, 64, 3, 't', false},
    {"long sequence", 2, 4, 128, 192, 6, 't', false},
    {"many tokens", 2, 4, 128, 64, 36, 't', false},
    {"wide", 2, 8, 384, 64, 10, 't', false},
    {"narrow", 2, 4, 64, 64, 10, 't', false},
    {"one sync point", 4, 4, 128, 64, 10, 'p', false},
    {"one rank", 2, 4, 128, 64, 10, 't', true},
};

v1::RunConfig ConfigOf(const Shape& shape, v1::RunConfig config) {
  config.mutable_model()->set_layers(shape.layers);
  config.mutable_model()->set_heads(shape.heads);
  config.mutable_model()->set_channels(shape.channels);
  config.mutable_model()->set_sequence(shape.sequence);
  config.mutable_train()->set_batch(shape.batch);
  config.mutable_train()->set_micro_batches(1);
  config.set_pattern(std::string(shape.layers, shape.letter));
  config.clear_split();
  if (shape.alone) config.set_workers(1);
  return config;
}

TokenBatch AnyTokens(const v1::RunConfig& config) {
  TokenBatch tokens{config.train().batch(), config.model().sequence(), {}, {}};
  const int count = tokens.batch * tokens.sequence;
  for (int i = 0; i < 2 * count; ++i) {
    const auto token = static_cast<int64_t>(RandomBits(config.seed(), i) %
                                            static_cast<uint64_t>(config.model().vocabulary()));
    (i < count ? tokens.inputs : tokens.targets).push_back(token);
  }
  return tokens;
}

double Sum(const v1::TrafficBytes& bytes) {
  return bytes.activation_fwd() + bytes.activation_bwd() + bytes.grad_sync() + bytes.scalar() +
         bytes.control();
}

// One shape's training steps.
class ShapeRun {
 public:
  ShapeRun(std::string name, const v1::RunConfig& config, CollectiveGroup* group)
      : config_(config), group_(group), alone_(config.workers() == 1) {
    shape_.name = std::move(name);
  }

  absl::StatusOr<MeasuredShape> Measure(const std::string& device) {
    ASSIGN_OR_RETURN(const TrainerOptions options, ToTrainerOptions(config_, device));
    Communicator* const communicator = alone_ ? static_cast<Communicator*>(&nobody_) : group_;
    ASSIGN_OR_RETURN(trainer_, Trainer::Create(options, communicator));
    ASSIGN_OR_RETURN(const PlanOptions plan_options, ToPlanOptions(config_));
    ASSIGN_OR_RETURN(const StepPlan plan, BuildStepPlan(plan_options));
    const std::vector<PlanStep>& steps = plan.steps[communicator->rank()];
    batches_.assign(config_.train().micro_batches(), AnyTokens(config_));
    for (int step = 0; step < kWarmupSteps + kSteps; ++step) {
      ASSIGN_OR_RETURN(const std::vector<double> seconds, Step(step, CollectiveEntries(steps)));
      if (step >= kWarmupSteps) Add(seconds);
    }
    Summarize(SegmentWorks(steps));
    return std::move(shape_);
  }

 private:
  // Seconds of each compute segment.
  absl::StatusOr<std::vector<double>> Step(int step, std::vector<CollectiveStep> collectives) {
    const double learning_rate = config_.train().learning_rate();
    if (alone_) {
      const absl::Time begin = MonotonicNow();
      RETURN_IF_ERROR(trainer_->TrainStep(step, batches_, learning_rate).status());
      return std::vector<double>{absl::ToDoubleSeconds(MonotonicNow() - begin)};
    }
    group_->BeginStep(step, std::move(collectives));
    RETURN_IF_ERROR(trainer_->TrainStep(step, batches_, learning_rate).status());
    RETURN_IF_ERROR(group_->EndStep());
    const StepStats stats = group_->TakeStats();
    if (step >= kWarmupSteps) {
      shape_.messages.push_back({static_cast<double>(stats.messages), Sum(stats.bytes),
                                 absl::ToDoubleSeconds(stats.exposed_software)});
    }
    std::vector<double> seconds;
    for (const absl::Duration gap : stats.compute_gaps)
      seconds.push_back(absl::ToDoubleSeconds(gap));
    return seconds;
  }

  void Add(const std::vector<double>& seconds) {
    samples_.resize(seconds.size());
    for (size_t i = 0; i < seconds.size(); ++i) samples_[i].push_back(seconds[i]);
  }

  void Summarize(const std::vector<SegmentWork>& works) {
    std::vector<double> typical;
    for (const std::vector<double>& samples : samples_) typical.push_back(Quantile(samples, 0.5));
    shape_.compute_seconds = std::accumulate(typical.begin(), typical.end(), 0.0);
    for (size_t i = 0; i < typical.size(); ++i) shape_.segments.push_back({works[i], typical[i]});
  }

  const v1::RunConfig& config_;
  CollectiveGroup* const group_;
  const bool alone_;
  Alone nobody_;
  std::unique_ptr<Trainer> trainer_;
  std::vector<TokenBatch> batches_;
  std::vector<std::vector<double>> samples_;  // by segment, of each step
  MeasuredShape shape_;
};

}  // namespace

absl::StatusOr<std::vector<MeasuredShape>> MeasureShapes(const v1::RunConfig& config,
                                                         const std::string& device,
                                                         CollectiveGroup* group) {
  v1::RunConfig shared = config;
  shared.mutable_parallel()->clear_strategy();  // what is measured does not depend on it
  std::vector<MeasuredShape> measured;
  ASSIGN_OR_RETURN(measured.emplace_back(),
                   ShapeRun(config.model().name(), shared, group).Measure(device));
  for (const Shape& shape : kShapes) {
    if (shape.alone && group->rank() != 0) continue;
    const v1::RunConfig shaped = ConfigOf(shape, shared);
    ASSIGN_OR_RETURN(measured.emplace_back(), ShapeRun(shape.name, shaped, group).Measure(device));
  }
  return measured;
}

}  // namespace edgetp
