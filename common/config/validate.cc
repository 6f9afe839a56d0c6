#include "common/config/validate.h"

#include <algorithm>
#include <cctype>

#include "common/base/status_macros.h"
#include "common/collective/codec.h"
#include "common/collective/registry.h"
#include "common/collective/segments.h"
#include "common/config/convert.h"
#include "common/config/schedule.h"
#include "common/config/violations.h"
#include "common/plan/overlap.h"
#include "common/plan/pattern.h"
#include "common/plan/precision.h"
#include "common/plan/shard_map.h"

namespace edgetp {
namespace {

// Far beyond every model and cluster; products of these stay within the types that hold them.
constexpr int kMaxLayers = 4096;
constexpr int kMaxChannels = 1 << 16;
constexpr int kMaxSequence = 1 << 20;
constexpr int kMaxVocabulary = 1 << 24;
constexpr int kMaxWorkers = 4096;
constexpr int kMaxBatch = 1 << 16;
constexpr int kMaxCores = 1 << 16;
constexpr int kMinSegmentBytes = 1024;

void CheckSize(const std::string& field, bool present, int value, int high,
               Violations* violations) {
  if (!present) {
    violations->Add(field, "must be set");
  } else if (value < 1 || value > high) {
    violations->AddGot(field, absl::StrCat("must be in [1, ", high, "]"), value);
  }
}

void CheckModel(const v1::ModelConfig& model, const std::string& path, Violations* violations) {
  CheckSize(path + "layers", model.has_layers(), model.layers(), kMaxLayers, violations);
  CheckSize(path + "heads", model.has_heads(), model.heads(), kMaxChannels, violations);
  CheckSize(path + "channels", model.has_channels(), model.channels(), kMaxChannels, violations);
  CheckSize(path + "sequence", model.has_sequence(), model.sequence(), kMaxSequence, violations);
  if (model.has_vocabulary())
    CheckSize(path + "vocabulary", true, model.vocabulary(), kMaxVocabulary, violations);
  violations->Below(path + "dropout", model.dropout(), 0, 1);
  if (model.heads() > 0 && model.channels() > 0 && model.channels() % model.heads() != 0) {
    violations->AddGot(path + "channels",
                       absl::StrCat("must be a multiple of heads=", model.heads()),
                       model.channels());
  }
  if (model.has_gelu() && model.gelu() == v1::GELU_UNSPECIFIED) {
    violations->Add(path + "gelu", "must be GELU_ERF or GELU_TANH");
  }
  if (model.has_init() && model.init() == v1::INIT_UNSPECIFIED) {
    violations->Add(path + "init", "must be INIT_GPT2 or INIT_TORCH");
  }
}

void CheckAtLeastOne(const std::string& field, int value, Violations* violations) {
  if (value < 1) violations->AddGot(field, "must be at least 1", value);
}

void CheckLearningRate(const v1::TrainConfig& train, Violations* violations) {
  violations->Positive("train.learning_rate", train.learning_rate());
  violations->NotNegative("train.min_learning_rate", train.min_learning_rate());
  const std::string name = train.has_schedule() ? train.schedule() : std::string(kDefaultSchedule);
  violations->Demand("train.schedule", CheckSchedule(name));
  if (Decays(name) && train.min_learning_rate() > train.learning_rate()) {
    violations->AddGot(
        "train.min_learning_rate",
        absl::StrCat("must be at most learning_rate=", FormatPlain(train.learning_rate())),
        train.min_learning_rate());
  }
  if (train.warmup_steps() < 0)
    violations->AddGot("train.warmup_steps", "must be at least 0", train.warmup_steps());
  if (!train.has_stable_steps()) return;
  if (!HasStablePart(name)) {
    violations->Add("train.stable_steps", "belongs to schedule wsd: this one has no stable part");
    return;
  }
  const int warmed = std::min(train.warmup_steps(), train.decay_steps());
  violations->InRange("train.stable_steps", train.stable_steps(), warmed, train.decay_steps());
}

void CheckOptimizer(const v1::TrainConfig& train, Violations* violations) {
  CheckLearningRate(train, violations);
  violations->Below("train.beta1", train.beta1(), 0, 1);
  violations->Below("train.beta2", train.beta2(), 0, 1);
  violations->Positive("train.epsilon", train.epsilon());
  violations->NotNegative("train.weight_decay", train.weight_decay());
  if (train.has_clip_norm()) violations->Positive("train.clip_norm", train.clip_norm());
  if (train.has_skip_norm_factor() && !(train.skip_norm_factor() > 1)) {
    violations->AddGot("train.skip_norm_factor", "must be above 1, times the median norm",
                       train.skip_norm_factor());
  }
}

void CheckTrain(const v1::TrainConfig& train, Violations* violations) {
  CheckAtLeastOne("train.steps", train.steps(), violations);
  CheckAtLeastOne("train.decay_steps", train.decay_steps(), violations);
  violations->InRange("train.batch", train.batch(), 1, kMaxBatch);
  violations->InRange("train.micro_batches", train.micro_batches(), 1, kMaxBatch);
  CheckAtLeastOne("train.eval_interval", train.eval_interval(), violations);
  CheckAtLeastOne("train.eval_windows", train.eval_windows(), violations);
  CheckAtLeastOne("train.replica_check_interval", train.replica_check_interval(), violations);
  if (train.has_checkpoint_interval()) {
    CheckAtLeastOne("train.checkpoint_interval", train.checkpoint_interval(), violations);
  }
  if (train.has_max_seconds()) violations->Positive("train.max_seconds", train.max_seconds());
  if (train.has_keep_checkpoints())
    CheckAtLeastOne("train.keep_checkpoints", train.keep_checkpoints(), violations);
  CheckOptimizer(train, violations);
}

void CheckRecovery(const v1::RecoveryConfig& recovery, Violations* violations) {
  constexpr double kDay = 86400;
  const std::string& rule = recovery.on_loss();
  if (recovery.has_on_loss() && rule != "fail" && rule != "wait" && rule != "reshard")
    violations->AddGot("recovery.on_loss", "must be fail, wait or reshard", rule);
  violations->InRange("recovery.rejoin_seconds", recovery.rejoin_seconds(), 0, kDay);
  violations->InRange("recovery.max_restarts", recovery.max_restarts(), 0, 1e6);
}

// A format, and that it can travel with the algorithm.
void CheckWire(const std::string& field, const std::string& text, const std::string& algorithm,
               Violations* violations) {
  const auto format = WireFormat::Parse(text);
  violations->Demand(field, format.status());
  const auto row = FindAlgorithm(algorithm);  // `auto` takes them all
  if (format.ok() && row.ok()) violations->Demand(field, CheckFormat(**row, *format));
}

void CheckCollective(const v1::CollectiveConfig& collective, Violations* violations) {
  const std::string& algorithm = collective.algorithm();
  if (algorithm != "auto") {
    violations->Demand("collective.algorithm", FindAlgorithm(algorithm).status());
  }
  CheckWire("collective.wire_forward", collective.wire_forward(), algorithm, violations);
  CheckWire("collective.wire_backward", collective.wire_backward(), algorithm, violations);
  CheckWire("collective.wire_grad_sync", collective.wire_grad_sync(), algorithm, violations);
  if (collective.has_deadline_seconds())
    violations->Positive("collective.deadline_seconds", collective.deadline_seconds());
  violations->InRange("collective.segment_bytes", collective.segment_bytes(), kMinSegmentBytes,
                      kMaxSegmentBytes);
  if (collective.has_slice_bytes()) {
    violations->InRange("collective.slice_bytes", collective.slice_bytes(), kMinSliceBytes,
                        kMaxSliceBytes);
  }
}

// Rules between the model, the pattern and the workers. Sizes that are wrong by themselves have
// been reported.
void CheckWorkers(const v1::RunConfig& config, Violations* violations) {
  CheckSize("workers", config.has_workers(), config.workers(), kMaxWorkers, violations);
  if (!config.has_pattern()) {
    violations->Add("pattern", "must be set");
  } else {
    const int layers = std::max(config.model().layers(), 0);
    const absl::StatusOr<Pattern> pattern = Pattern::Parse(config.pattern(), layers);
    violations->Demand("pattern", pattern.status());
    if (pattern.ok() && config.model().channels() > 0)
      violations->Demand("pattern", pattern->CheckChannels(config.model().channels()));
  }
}

void CheckSplit(const v1::RunConfig& config, Violations* violations) {
  const v1::ModelConfig& model = config.model();
  const auto sound = [](int value, int high) { return value >= 1 && value <= high; };
  if (!sound(model.heads(), kMaxChannels) || !sound(model.channels(), kMaxChannels) ||
      !sound(config.workers(), kMaxWorkers))
    return;
  const ModelShape shape{.layers = model.layers(),
                         .heads = model.heads(),
                         .channels = model.channels(),
                         .vocabulary = model.vocabulary()};
  const absl::StatusOr<ReplicaOptions> replicas = ToReplicaOptions(config);
  if (!replicas.ok() || replicas->replicated()) return;  // nothing is split
  const std::vector<int> split(config.split().begin(), config.split().end());
  const bool shares_vocabulary =
      config.parallel().vocabulary() && sound(model.vocabulary(), kMaxVocabulary);
  violations->Demand(split.empty() ? "workers" : "split",
                     BuildShardMap(shape, config.workers(), split, shares_vocabulary).status());
}

void CheckDevice(const v1::DeviceProfile& device, const std::string& path, Violations* violations) {
  if (!device.has_flops_per_second()) violations->Add(path + "flops_per_second", "must be set");
  const auto positive = [&](bool present, const char* field, double value) {
    if (present) violations->Positive(path + field, value);
  };
  positive(device.has_flops_per_second(), "flops_per_second", device.flops_per_second());
  positive(device.has_memory_bytes_per_second(), "memory_bytes_per_second",
           device.memory_bytes_per_second());
  positive(device.has_memory_bytes(), "memory_bytes", device.memory_bytes());
  positive(device.has_staging_bytes_per_second(), "staging_bytes_per_second",
           device.staging_bytes_per_second());
  positive(device.has_elementwise_bytes_per_second(), "elementwise_bytes_per_second",
           device.elementwise_bytes_per_second());
  positive(device.has_optimizer_bytes_per_second(), "optimizer_bytes_per_second",
           device.optimizer_bytes_per_second());
  positive(device.has_message_bytes_per_second(), "message_bytes_per_second",
           device.message_bytes_per_second());
  positive(device.has_codec_bytes_per_second(), "codec_bytes_per_second",
           device.codec_bytes_per_second());
  CheckPowerAndHeat(device, path, violations);
  violations->NotNegative(path + "message_overhead_us", device.message_overhead_us());
  violations->NotNegative(path + "operation_overhead_us", device.operation_overhead_us());
  violations->NotNegative(path + "segment_overhead_us", device.segment_overhead_us());
  violations->Below(path + "variability", device.variability(), 0, 1);
  violations->InRange(path + "overlap_efficiency", device.overlap_efficiency(), 0, 1);
  if (device.has_cores()) violations->InRange(path + "cores", device.cores(), 1, kMaxCores);
}

// Of a rank whose exchanges run under its compute.
void CheckCores(const v1::RunConfig& config, const std::string& field, Violations* violations) {
  for (const v1::DeviceProfile& device : DevicesOf(config)) {
    if (!device.has_cores() || device.cores() > 1) continue;
    violations->Add(field, absl::StrCat("a device of one core cannot overlap: the communication "
                                        "thread needs one (device ",
                                        device.name(), ")"));
    return;
  }
}

void CheckDevices(const v1::RunConfig& config, Violations* violations) {
  if (config.has_device()) CheckDevice(config.device(), "device.", violations);
  for (int i = 0; i < config.devices_size(); ++i)
    CheckDevice(config.devices(i), absl::StrCat("devices[", i, "]."), violations);
  if (config.devices().empty()) return;
  if (config.has_device()) violations->Add("devices", "must be empty where `device` is set");
  if (config.devices_size() != config.workers()) {
    violations->AddGot("devices", absl::StrCat("must be one per rank, workers=", config.workers()),
                       config.devices_size());
  }
}

bool HasSlack(const Pattern& pattern) {
  return std::any_of(pattern.blocks().begin(), pattern.blocks().end(),
                     [](const PatternBlock& block) { return SlackOf(block) > 0; });
}

// What an overlap needs of the batch and of the devices.
void CheckOverlap(const v1::RunConfig& config, Violations* violations) {
  const std::string field = "parallel.overlap";
  const absl::StatusOr<Overlap> overlap = ToOverlap(config);
  violations->Demand(field, overlap.status());
  const absl::StatusOr<Pattern> pattern = Pattern::Parse(config.pattern(), 0);
  if (pattern.ok() && HasSlack(*pattern)) CheckCores(config, "pattern", violations);
  const absl::StatusOr<ReplicaOptions> replicas = ToReplicaOptions(config);
  if (replicas.ok() && replicas->exchange == Replicas::kGradients && config.workers() > 1)
    CheckCores(config, "parallel.strategy", violations);
  if (!overlap.ok() || overlap->kind == OverlapKind::kNone) return;
  if (config.train().batch() >= 1)
    violations->Demand(field, CheckRows(*overlap, config.train().batch()));
  CheckCores(config, field, violations);
}

void CheckMemory(const v1::RunConfig& config, Violations* violations) {
  const v1::MemoryConfig& memory = config.memory();
  if (memory.has_loss_rows() && memory.loss_rows() < 0)
    violations->AddGot("memory.loss_rows", "must be at least 0 (all)", memory.loss_rows());
  if (memory.has_precision() && !PrecisionNamed(memory.precision()).has_value())
    violations->AddGot("memory.precision", "must be fp32, tf32 or bf16", memory.precision());
  const absl::StatusOr<Overlap> overlap = ToOverlap(config);
  if (memory.recompute() && overlap.ok() && overlap->kind == OverlapKind::kRows) {
    violations->Add("memory.recompute", absl::StrCat("must be false with overlap ",
                                                     ToString(*overlap),
                                                     ": its groups share what would be let go"));
  }
}

void CheckName(const v1::RunConfig& config, Violations* violations) {
  if (!config.has_name() || IsRunName(config.name())) return;
  violations->AddGot(
      "name", "must be a letter or digit, then at most 63 letters, digits, '.', '_', '+' or '-'",
      absl::StrCat("\"", config.name(), "\""));
}

void CheckRunNetwork(const v1::RunConfig& config, const std::string& place,
                     Violations* violations) {
  Violations of_network(place, "network.");
  CheckNetwork(config.network(), config.workers(), &of_network);
  violations->Append(of_network);
}

enum class SplitRule { kEven, kOfItsOwn };

Violations CheckRun(const v1::RunConfig& config, const std::string& place, SplitRule rule) {
  Violations violations(place);
  CheckName(config, &violations);
  CheckModel(config.model(), "model.", &violations);
  if (!config.model().has_vocabulary())
    violations.Add("model.vocabulary", "must be set: no data has given it");
  CheckWorkers(config, &violations);
  if (rule == SplitRule::kEven) CheckSplit(config, &violations);
  CheckTrain(config.train(), &violations);
  CheckCollective(config.collective(), &violations);
  if (config.has_merge() && config.merge() == v1::MERGE_UNSPECIFIED) {
    violations.Add("merge", "must be MERGE_SUM_LAST, MERGE_MEAN or MERGE_SUM");
  }
  if (config.has_clock() && config.clock() == v1::CLOCK_UNSPECIFIED) {
    violations.Add("clock", "must be CLOCK_EMULATED or CLOCK_SIMULATED");
  }
  CheckRunNetwork(config, place, &violations);
  CheckDevices(config, &violations);
  CheckOverlap(config, &violations);
  CheckMemory(config, &violations);
  CheckStrategy(config, &violations);
  CheckRecovery(config.recovery(), &violations);
  return violations;
}

template <typename Profile>
absl::Status CheckShipped(const Profile& profile, const std::string& place) {
  Violations violations(place);
  if (profile.kind() == v1::KIND_UNSPECIFIED) {
    violations.Add("kind", "a shipped profile must say MEASURED, DERIVED, SPEC or ESTIMATED");
  }
  if (profile.source().empty())
    violations.Add("source", "a shipped profile must say where its numbers come from");
  return violations.ToStatus();
}

}  // namespace

bool IsRunName(const std::string& name) {
  const auto alphanumeric = [](unsigned char c) { return c < 128 && std::isalnum(c) != 0; };
  if (name.empty() || name.size() > 64 || !alphanumeric(name[0])) return false;
  return std::all_of(name.begin(), name.end(), [&](char c) {
    return alphanumeric(c) || c == '.' || c == '_' || c == '+' || c == '-';
  });
}

absl::Status ValidateModel(const v1::ModelConfig& model, const std::string& place) {
  Violations violations(place);
  CheckModel(model, "", &violations);
  return violations.ToStatus();
}

absl::Status ValidateDevice(const v1::DeviceProfile& device, const std::string& place) {
  Violations violations(place);
  CheckDevice(device, "", &violations);
  return violations.ToStatus();
}

absl::Status ValidateShipped(const v1::NetworkProfile& network, const std::string& place) {
  RETURN_IF_ERROR(CheckShipped(network, place));
  Violations violations(place);
  const std::string rule =
      "a shipped profile must say what its figures describe: HOP_ACCESS or HOP_DIRECT";
  if (!network.has_hop()) violations.Add("hop", rule);
  for (int i = 0; i < network.events_size(); ++i) {
    const v1::NetworkEvent& event = network.events(i);
    if (event.has_network() && !event.network().has_hop())
      violations.Add(absl::StrCat("events[", i, "].network.hop"), rule);
  }
  return violations.ToStatus();
}

absl::Status ValidateShipped(const v1::DeviceProfile& device, const std::string& place) {
  return CheckShipped(device, place);
}

absl::Status ValidateRun(const v1::RunConfig& config, const std::string& place) {
  return CheckRun(config, place, SplitRule::kEven).ToStatus();
}

absl::Status ValidatePlanned(const v1::RunConfig& config, const std::string& place) {
  return CheckRun(config, place, SplitRule::kOfItsOwn).ToStatus();
}

absl::Status ValidateBench(const v1::RunConfig& config, const std::string& place) {
  Violations violations(place);
  CheckName(config, &violations);
  CheckSize("workers", config.has_workers(), config.workers(), kMaxWorkers, &violations);
  CheckCollective(config.collective(), &violations);
  CheckRunNetwork(config, place, &violations);
  return violations.ToStatus();
}

}  // namespace edgetp
