#include "cli/shared/run_options.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/shared/command.h"
#include "cli/shared/preset_values.h"
#include "cli/shared/replica_flags.h"
#include "common/base/status_macros.h"
#include "common/collective/codec.h"
#include "common/collective/registry.h"
#include "common/config/convert.h"
#include "common/config/defaults.h"
#include "common/config/device_mix.h"
#include "common/config/load.h"
#include "common/config/override.h"
#include "common/config/schedule.h"
#include "common/config/units.h"
#include "common/config/validate.h"
#include "common/plan/pattern.h"
#include "common/simulate/deadline.h"
#include "common/simulate/variation.h"

namespace edgetp {
namespace {

constexpr char kDefaultModel[] = "minigpt";
constexpr char kPlace[] = "command line";
constexpr char kEmulated[] = "emulated";
constexpr char kSimulated[] = "simulated";
constexpr char kOverlapText[] =
    "what runs under compute: dw, the all-reduces of gradients under weight gradients; 'rows(2)', "
    "those of one half of the rows under the other; none (default)";

CLI::Validator IsWireFormat() {
  return CLI::Validator(
      [](std::string& text) { return std::string(WireFormat::Parse(text).status().message()); }, "",
      "wire_format");
}

// Presets: the run's own, then the parts that are named beside it.
void LoadPresets(const RunFlags& flags, Faults* faults, v1::RunConfig* config) {
  const ConfigLibrary library = ConfigLibrary::Default(flags.config_path);
  if (flags.config.has_value()) config->MergeFrom(faults->Take(library.Run(*flags.config)));
  if (flags.model.has_value() || !config->has_model()) {
    *config->mutable_model() = faults->Take(library.Model(flags.model.value_or(kDefaultModel)));
  }
  if (flags.device.has_value()) {
    absl::StatusOr<v1::DeviceProfile> device = library.Device(*flags.device);
    faults->Add(device.status());
    // Rules about one that could not be loaded would only hide the reason.
    if (device.ok()) *config->mutable_device() = *std::move(device);
    config->clear_devices();
  }
}

void ApplyWire(const RunFlags& flags, v1::CollectiveConfig* collective) {
  const auto& forward = flags.wire_forward.has_value() ? flags.wire_forward : flags.wire;
  const auto& backward = flags.wire_backward.has_value() ? flags.wire_backward : flags.wire;
  if (forward.has_value()) collective->set_wire_forward(*forward);
  if (backward.has_value()) collective->set_wire_backward(*backward);
  if (flags.wire_grad_sync.has_value()) collective->set_wire_grad_sync(*flags.wire_grad_sync);
}

void ApplyFlags(const RunFlags& flags, Faults* faults, v1::RunConfig* config) {
  if (flags.run.has_value()) config->set_name(*flags.run);
  if (flags.seed.has_value()) config->set_seed(*flags.seed);
  if (flags.clock.has_value()) {
    config->set_clock(*flags.clock == kSimulated ? v1::CLOCK_SIMULATED : v1::CLOCK_EMULATED);
  }
  if (flags.pattern.has_value()) config->set_pattern(*flags.pattern);
  if (flags.workers.has_value()) config->set_workers(*flags.workers);
  if (flags.vocabulary_parallel) config->mutable_parallel()->set_vocabulary(true);
  if (flags.recompute) config->mutable_memory()->set_recompute(true);
  ApplyStrategy(flags, faults, config);
  v1::TrainConfig* const train = config->mutable_train();
  if (flags.steps.has_value()) train->set_steps(*flags.steps);
  if (flags.schedule.has_value()) train->set_schedule(*flags.schedule);
  if (flags.max_seconds.has_value()) train->set_max_seconds(*flags.max_seconds);
  if (flags.batch.has_value()) train->set_batch(*flags.batch);
  if (flags.sequence.has_value()) config->mutable_model()->set_sequence(*flags.sequence);
  if (flags.micro_batches.has_value()) train->set_micro_batches(*flags.micro_batches);
  v1::CollectiveConfig* collective = config->mutable_collective();
  if (flags.allreduce.has_value()) collective->set_algorithm(*flags.allreduce);
  if (flags.slice.has_value()) {
    const auto slice = ParseSlice(*flags.slice);
    faults->Add(slice.status());
    if (slice.ok()) collective->set_slice_bytes(*slice);
  }
  if (flags.deadline.has_value()) {
    const auto deadline = ParseDelay(*flags.deadline);
    faults->Add(Annotate(deadline.status(), "--deadline"));
    if (deadline.ok()) collective->set_deadline_seconds(absl::ToDoubleSeconds(*deadline));
  }
  ApplyWire(flags, collective);
  if (flags.overlap.has_value()) config->mutable_parallel()->set_overlap(*flags.overlap);
  ApplyRecovery(flags.recovery, config);
}

// --network and the link options over what the config has.
void ApplyNetwork(const RunFlags& flags, Faults* faults, v1::RunConfig* config) {
  const ConfigLibrary library = ConfigLibrary::Default(flags.config_path);
  if (flags.network.has_value())
    *config->mutable_network() = faults->Take(library.Network(*flags.network));
  if (flags.link.empty()) return;
  if (!config->has_network()) *config->mutable_network() = UnlimitedNetwork();
  faults->Add(ApplyLinkFlags(flags.link, config->mutable_network()));
}

// flags.device names at most one device.
absl::StatusOr<v1::RunConfig> ResolveOne(const RunFlags& flags, const v1::RunConfig& base,
                                         const std::optional<DataVocabulary>& vocabulary) {
  Faults faults;
  v1::RunConfig config = base;
  LoadPresets(flags, &faults, &config);
  ApplyFlags(flags, &faults, &config);
  ApplyNetwork(flags, &faults, &config);
  for (const std::string& assignment : flags.set) faults.Add(ApplyOverride(assignment, &config));
  const bool presets_failed = !faults.status().ok() && !config.model().has_layers();
  // Rules about a model that could not be loaded would only hide the reason.
  if (presets_failed) return faults.status();
  if (!config.model().has_vocabulary() && vocabulary.has_value()) {
    faults.Add(vocabulary->sound);
    config.mutable_model()->set_vocabulary(vocabulary->size);
  }
  const bool has_network = config.has_network();
  FillDefaults(&config);
  if (flags.plans_strategy) ForgetStrategy(&config);
  faults.Add(flags.plans_strategy ? ValidatePlanned(config, kPlace) : ValidateRun(config, kPlace));
  RETURN_IF_ERROR(faults.status());
  if (!has_network) {
    // The server knows the network, and what deadline it needs.
    config.clear_network();
    return config;
  }
  if (!flags.settles_deadline) return config;
  ASSIGN_OR_RETURN(const CollectiveNeeds needs, NeedsOfStep(config));
  RETURN_IF_ERROR(ResolveDeadline(needs, &config));
  return config;
}

// Each part of a mixture goes through the whole resolution, so that --set means the same for all.
absl::StatusOr<v1::RunConfig> Resolve(RunFlags flags, const v1::RunConfig& base,
                                      const std::optional<DataVocabulary>& vocabulary) {
  if (!flags.device.has_value()) return ResolveOne(flags, base, vocabulary);
  const std::string mix = *flags.device;
  absl::StatusOr<std::vector<DevicePart>> parts = ParseDeviceMix(mix);
  RETURN_IF_ERROR(Annotate(parts.status(), "--device"));
  v1::RunConfig config;
  std::vector<v1::DeviceProfile> devices;
  for (const DevicePart& part : *parts) {
    flags.device = part.name;
    ASSIGN_OR_RETURN(config, ResolveOne(flags, base, vocabulary));
    devices.insert(devices.end(), part.count.value_or(1), config.device());
  }
  if (parts->size() == 1 && !parts->front().count.has_value()) return config;
  if (static_cast<int>(devices.size()) != config.workers()) {
    return absl::InvalidArgumentError(absl::StrCat("--device: \"", mix, "\" has ", devices.size(),
                                                   " devices for workers=", config.workers(),
                                                   ": one for all, or one per rank"));
  }
  config.clear_device();
  *config.mutable_devices() = {devices.begin(), devices.end()};
  return config;
}

// Draw 0 of the boards, and a deadline that bears with the slowest of them.
absl::Status VaryBoards(v1::RunConfig* config) {
  const std::vector<v1::DeviceProfile> devices = DevicesOf(*config);
  if (LargestVariability(devices) == 0) {
    return absl::InvalidArgumentError(
        "no device profile of this run has a variability: name one with --device, or "
        "--set device.variability=0.2");
  }
  const bool drawn = std::any_of(devices.begin(), devices.end(),
                                 [](const auto& device) { return device.has_compute_factor(); });
  if (drawn)
    return absl::InvalidArgumentError("the boards of this run have a compute_factor already");
  if (config->has_network()) ForgetDefaultDeadline(config);
  const auto boards = DrawBoards(devices, config->workers(), config->seed(), 0);
  config->clear_device();
  *config->mutable_devices() = {boards.begin(), boards.end()};
  if (!config->has_network()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const CollectiveNeeds needs, NeedsOfStep(*config));
  return ResolveDeadline(needs, config);
}

}  // namespace

void Faults::Add(const absl::Status& status) {
  if (!status.ok()) messages_.push_back(std::string(status.message()));
}

absl::Status Faults::status() const {
  if (messages_.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrJoin(messages_, "\n"));
}

void AddPresetFlags(CLI::App* command, RunFlags* flags) {
  command
      ->add_option("--config", flags->config,
                   "run preset (configs/runs) or file; other options override it")
      ->type_name(kPresetValue);
  command
      ->add_option("--set", flags->set,
                   "PATH=VALUE of any field of the run, e.g. train.learning_rate=1e-3; repeatable")
      ->allow_extra_args(false);
  command->add_option("--config_path", flags->config_path,
                      "folders to search for presets, separated by ':'");
}

void AddModelFlags(CLI::App* command, RunFlags* flags) {
  command
      ->add_option("--model", flags->model,
                   "model preset (configs/models) or file; default: minigpt")
      ->type_name(kModelValue);
  command->add_option("--batch", flags->batch, "sequences per micro-batch");
  command->add_option("--sequence", flags->sequence, "tokens per sequence");
}

void AddPatternFlags(CLI::App* command, RunFlags* flags) {
  command->add_option("--pattern", flags->pattern, PatternHelp());
  command->add_option("--workers", flags->workers, "world size; default: 2");
}

void AddOverlapFlag(CLI::App* command, RunFlags* flags) {
  command->add_option("--overlap", flags->overlap, kOverlapText);
}

void AddOverlapList(CLI::App* command, std::vector<std::string>* overlaps) {
  command->add_option("--overlap", *overlaps, absl::StrCat(kOverlapText, "; separated by ','"))
      ->delimiter(',');
}

void AddParallelFlags(CLI::App* command, RunFlags* flags) {
  command->add_flag("--vocabulary_parallel", flags->vocabulary_parallel,
                    "each worker holds rows of the embedding and of the output matrix");
}

void AddMemoryFlags(CLI::App* command, RunFlags* flags) {
  command->add_flag("--recompute", flags->recompute,
                    "blocks keep their inputs alone and compute again in the backward pass: less "
                    "memory, a third more compute, the same losses");
}

void AddWireFlags(CLI::App* command, RunFlags* flags) {
  const std::string wire_help =
      absl::StrCat("format of activations on the wire, both directions: ",
                   absl::StrJoin(WireFormat::Names(), ", "),
                   "; int8:g32 for another group, int4+hadamard to rotate; default: fp32");
  for (const auto& [name, value, text] :
       {std::tuple("--wire", &flags->wire, wire_help.c_str()),
        std::tuple("--wire_forward", &flags->wire_forward, "that of the forward pass alone"),
        std::tuple("--wire_backward", &flags->wire_backward, "that of the backward pass alone"),
        std::tuple("--wire_grad_sync", &flags->wire_grad_sync,
                   "that of the gradients that s and p sum; default: fp32")}) {
    command->add_option(name, *value, text)->check(IsWireFormat());
  }
}

void AddSliceFlag(CLI::App* command, RunFlags* flags) {
  command->add_option("--slice", flags->slice,
                      "what ring_sliced passes on at a time, e.g. 256KiB; default: 1MiB");
}

void AddCollectiveFlags(CLI::App* command, RunFlags* flags) {
  command
      ->add_option("--allreduce", flags->allreduce,
                   "algorithm; default: auto, the cheapest for size and network")
      ->check(OneOf(AlgorithmChoices()));
  AddSliceFlag(command, flags);
  command->add_option(
      "--deadline", flags->deadline,
      "limit of one all-reduce, e.g. 5s; default: what plan and network need, at least 30s");
  AddWireFlags(command, flags);
}

void AddNetworkFlag(CLI::App* command, RunFlags* flags) {
  command
      ->add_option("--network", flags->network,
                   "network profile (see `edgetp network list`) or file; default: none, or what "
                   "a running cluster has")
      ->type_name(kNetworkValue);
  AddLinkFlags(command, &flags->link);
}

void AddLinkFlags(CLI::App* command, LinkFlags* flags) {
  const std::string group = "Link options, over the profile's default link";
  command->add_option("--delay", flags->delay, "one-way, e.g. 50ms")->group(group);
  command->add_option("--jitter", flags->jitter, "standard deviation, e.g. 5ms")->group(group);
  command->add_option("--rate", flags->rate, "e.g. 20mbit, or unlimited")->group(group);
  command->add_option("--loss", flags->loss, "of packets, e.g. 1%")->group(group);
  command
      ->add_option("--header_share", flags->header_share,
                   "bytes that travel for each byte of payload, e.g. 1.062 for TCP over Ethernet")
      ->group(group);
  command
      ->add_option("--window", flags->window,
                   "payload under way at most, e.g. 64KiB, or unlimited: rate <= window / RTT")
      ->group(group);
}

void AddTrainFlags(CLI::App* command, RunFlags* flags) {
  command->add_option("--steps", flags->steps, "optimizer updates; default: 2000");
  command->add_option("--seed", flags->seed,
                      "of weights, batches, dropout and the network; default: 1337");
  command
      ->add_option("--lr_schedule", flags->schedule,
                   "of the learning rate after the warm-up: cosine (default), linear, constant, "
                   "wsd (stable, then a decay)")
      ->check(OneOf(ScheduleNames()));
  command->add_option("--max_seconds", flags->max_seconds,
                      "of training: then the run ends as after its last step; default: no limit");
}

void AddClockFlag(CLI::App* command, RunFlags* flags) {
  command
      ->add_option(
          "--clock", flags->clock,
          "emulated: real waiting (default); simulated: no waiting, every step is charged what "
          "the simulator says")
      ->check(OneOf({kEmulated, kSimulated}));
}

void AddBoardsFlag(CLI::App* command, RunFlags* flags) {
  command->add_flag("--vary_boards", flags->vary_boards,
                    "boards of one kind differ, as their profile's variability says: each rank's "
                    "compute is a little slower or faster, drawn from --seed");
}

void AddDataFlag(CLI::App* command, RunFlags* flags) {
  command
      ->add_option("--data", flags->data,
                   "text file, or folder with train.bin and val.bin; auto: Tiny Shakespeare")
      ->capture_default_str();
}

void AddRunNameFlag(CLI::App* command, RunFlags* flags) {
  command->add_option("--run", flags->run,
                      "name of the run and its directory; default: from model, pattern and time");
}

absl::StatusOr<v1::RunConfig> ResolveRun(const RunFlags& flags, const v1::RunConfig& base,
                                         const std::optional<DataVocabulary>& vocabulary) {
  ASSIGN_OR_RETURN(v1::RunConfig config, Resolve(flags, base, vocabulary));
  if (flags.vary_boards) RETURN_IF_ERROR(Annotate(VaryBoards(&config), "--vary_boards"));
  return config;
}

v1::RunConfig WhatFlagsSay(const RunFlags& flags) {
  v1::RunConfig config;
  Faults ignored;
  ApplyFlags(flags, &ignored, &config);
  return config;
}

absl::StatusOr<v1::RunConfig> ResolvePlan(const RunFlags& flags) {
  RunFlags planned = flags;
  planned.settles_deadline = false;
  return Resolve(planned, v1::RunConfig(), kAssumedVocabulary);
}

absl::StatusOr<std::optional<v1::NetworkProfile>> ResolveNetworkFlags(const RunFlags& flags,
                                                                      int workers) {
  Faults faults;
  v1::RunConfig config;
  ApplyNetwork(flags, &faults, &config);
  if (config.has_network() && faults.status().ok())
    faults.Add(ValidateNetwork(config.network(), workers, kPlace));
  RETURN_IF_ERROR(faults.status());
  if (!config.has_network()) return std::nullopt;
  return config.network();
}

}  // namespace edgetp
