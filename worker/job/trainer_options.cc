#include "worker/job/trainer_options.h"

#include "common/base/status_macros.h"
#include "common/config/convert.h"

namespace edgetp {
namespace {

MergeKind ToMergeKind(v1::Merge merge) {
  switch (merge) {
    case v1::MERGE_MEAN:
      return MergeKind::kMean;
    case v1::MERGE_SUM:
      return MergeKind::kSum;
    default:
      return MergeKind::kSumLast;
  }
}

}  // namespace

absl::StatusOr<TrainerOptions> ToTrainerOptions(const v1::RunConfig& config,
                                                const std::string& device) {
  TrainerOptions options;
  const v1::ModelConfig& model = config.model();
  ASSIGN_OR_RETURN(options.shape, ToModelShape(model));
  ASSIGN_OR_RETURN(options.pattern, Pattern::Parse(config.pattern(), options.shape.layers));
  ASSIGN_OR_RETURN(options.overlap, ToOverlap(config));
  ASSIGN_OR_RETURN(options.replicas, ToReplicaOptions(config));
  options.gelu = model.gelu() == v1::GELU_ERF ? GeluKind::kErf : GeluKind::kTanh;
  options.init = model.init() == v1::INIT_TORCH ? InitKind::kTorch : InitKind::kGpt2;
  options.merge = ToMergeKind(config.merge());
  options.dropout = model.dropout();
  options.split.assign(config.split().begin(), config.split().end());
  options.vocabulary_parallel = config.parallel().vocabulary();
  options.recompute = config.memory().recompute();
  if (config.memory().has_loss_rows()) options.loss_rows = config.memory().loss_rows();
  options.precision = PrecisionNamed(config.memory().precision()).value_or(Precision::kFp32);
  options.seed = config.seed();
  options.device = device;
  const v1::TrainConfig& train = config.train();
  options.adamw = {.beta1 = train.beta1(),
                   .beta2 = train.beta2(),
                   .epsilon = train.epsilon(),
                   .weight_decay = train.weight_decay()};
  options.clip_norm = train.has_clip_norm() ? train.clip_norm() : 0;
  return options;
}

}  // namespace edgetp
