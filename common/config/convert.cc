#include "common/config/convert.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/collective/codec.h"

namespace edgetp {
namespace {

constexpr Replicas kExchanges[] = {Replicas::kNone, Replicas::kGradients, Replicas::kWeights};

absl::StatusOr<Replicas> ParseStrategy(const std::string& name) {
  for (const Replicas exchange : kExchanges) {
    if (name == NameOf(exchange)) return exchange;
  }
  const std::string known = absl::StrJoin(
      kExchanges, ", ",
      [](std::string* out, Replicas exchange) { absl::StrAppend(out, NameOf(exchange)); });
  return absl::InvalidArgumentError(
      absl::StrCat("\"", name, "\" is not a strategy that workers execute: they are ", known));
}

}  // namespace

absl::StatusOr<ModelShape> ToModelShape(const v1::ModelConfig& model) {
  const struct {
    const char* name;
    bool present;
  } sizes[] = {{"layers", model.has_layers()},
               {"heads", model.has_heads()},
               {"channels", model.has_channels()},
               {"sequence", model.has_sequence()},
               {"vocabulary", model.has_vocabulary()}};
  for (const auto& size : sizes) {
    if (!size.present)
      return absl::InvalidArgumentError(absl::StrCat("model.", size.name, ": must be set"));
  }
  return ModelShape{.layers = model.layers(),
                    .heads = model.heads(),
                    .channels = model.channels(),
                    .sequence = model.sequence(),
                    .vocabulary = model.vocabulary(),
                    .biases = model.biases(),
                    .tied_head = HasTiedHead(model)};
}

bool HasTiedHead(const v1::ModelConfig& model) {
  return !model.has_tied_head() || model.tied_head();
}

absl::StatusOr<Overlap> ToOverlap(const v1::RunConfig& config) {
  return config.parallel().has_overlap() ? Overlap::Parse(config.parallel().overlap()) : Overlap{};
}

const char* NameOf(Replicas exchange) {
  switch (exchange) {
    case Replicas::kGradients:
      return "data";
    case Replicas::kWeights:
      return "local";
    case Replicas::kNone:
      break;
  }
  return "tensor";
}

absl::StatusOr<ReplicaOptions> ToReplicaOptions(const v1::RunConfig& config) {
  const v1::ParallelConfig& parallel = config.parallel();
  ReplicaOptions options;
  if (parallel.has_strategy()) {
    ASSIGN_OR_RETURN(options.exchange, ParseStrategy(parallel.strategy()));
  }
  if (parallel.has_bucket_bytes())
    options.bucket_bytes = static_cast<int64_t>(parallel.bucket_bytes());
  if (parallel.has_inner_steps()) options.inner_steps = parallel.inner_steps();
  if (parallel.has_outer_learning_rate())
    options.outer_learning_rate = parallel.outer_learning_rate();
  if (parallel.has_outer_momentum()) options.outer_momentum = parallel.outer_momentum();
  return options;
}

double SequencesPerStep(const v1::RunConfig& config) {
  const absl::StatusOr<ReplicaOptions> replicas = ToReplicaOptions(config);
  const double ranks = replicas.ok() && replicas->replicated() ? config.workers() : 1;
  return ranks * config.train().batch() * config.train().micro_batches();
}

absl::StatusOr<PlanOptions> ToPlanOptions(const v1::RunConfig& config) {
  PlanOptions options;
  ASSIGN_OR_RETURN(options.shape, ToModelShape(config.model()));
  ASSIGN_OR_RETURN(options.pattern, Pattern::Parse(config.pattern(), options.shape.layers));
  ASSIGN_OR_RETURN(options.overlap, ToOverlap(config));
  options.world_size = config.workers();
  options.split.assign(config.split().begin(), config.split().end());
  options.vocabulary_parallel = config.parallel().vocabulary();
  options.recompute = config.memory().recompute() ? Recompute::kStages : Recompute::kNone;
  if (config.memory().has_loss_rows()) options.loss_rows = config.memory().loss_rows();
  options.precision = PrecisionNamed(config.memory().precision()).value_or(Precision::kFp32);
  options.dropout = config.model().dropout() > 0;
  options.batch = config.train().batch();
  options.micro_batches = config.train().micro_batches();
  const v1::CollectiveConfig& wire = config.collective();
  ASSIGN_OR_RETURN(options.wire_forward, WireFormat::Parse(wire.wire_forward()));
  ASSIGN_OR_RETURN(options.wire_backward, WireFormat::Parse(wire.wire_backward()));
  ASSIGN_OR_RETURN(options.wire_grad_sync, WireFormat::Parse(wire.wire_grad_sync()));
  options.feedback_activations = wire.error_feedback_activations();
  ASSIGN_OR_RETURN(options.feedback_grad_sync, FeedsBackGradSync(wire));
  return options;
}

LlamaShape ToLlamaShape(const v1::LlamaConfig& model) {
  return {.layers = model.layers(),
          .heads = model.heads(),
          .kv_heads = model.kv_heads(),
          .channels = model.channels(),
          .hidden = model.hidden(),
          .vocabulary = model.vocabulary()};
}

LlamaSync ToLlamaSync(v1::BoardSet::Sync sync) {
  return sync == v1::BoardSet::SYNC_SLICES ? LlamaSync::kSlices : LlamaSync::kSums;
}

absl::StatusOr<bool> FeedsBackGradSync(const v1::CollectiveConfig& collective) {
  constexpr int kFewBits = 4;
  if (collective.has_error_feedback_grad_sync()) return collective.error_feedback_grad_sync();
  ASSIGN_OR_RETURN(const WireFormat wire, WireFormat::Parse(collective.wire_grad_sync()));
  return wire.bits() <= kFewBits;
}

std::vector<v1::DeviceProfile> DevicesOf(const v1::RunConfig& config) {
  if (config.has_device()) return {config.device()};
  return {config.devices().begin(), config.devices().end()};
}

std::string DescribeDevices(const v1::RunConfig& config) {
  if (config.has_device()) return config.device().name();
  std::string text;
  for (int i = 0; i < config.devices_size();) {
    const std::string& name = config.devices(i).name();
    int count = 0;
    for (; i < config.devices_size() && config.devices(i).name() == name; ++i) ++count;
    absl::StrAppend(&text, text.empty() ? "" : "+", name, "*", count);
  }
  return text;
}

}  // namespace edgetp
