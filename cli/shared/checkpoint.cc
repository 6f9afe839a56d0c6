#include "cli/shared/checkpoint.h"

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/load.h"
#include "common/config/validate.h"
#include "common/data/gpt2_weights.h"
#include "common/data/safetensors.h"
#include "common/data/weights_file.h"
#include "common/simulate/deadline.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<fs::path> RunFolder(const std::string& runs_directory, const std::string& run) {
  const fs::path folder = fs::path(runs_directory) / run;
  std::error_code ignored;  // what cannot be looked at is not there for us
  if (IsRunName(run) && fs::is_directory(folder, ignored)) return folder;
  return absl::NotFoundError(
      absl::StrCat("no run is called ", run, " (looked in ", runs_directory, "/)"));
}

// The path of a run's newest checkpoint, or of that of a step.
absl::StatusOr<std::string> PathOfCheckpoint(const std::string& runs, const std::string& run,
                                             std::optional<int> step) {
  if (!step.has_value()) {
    ASSIGN_OR_RETURN(const StoredCheckpoint newest, FindCheckpoint(runs, run));
    return newest.path;
  }
  ASSIGN_OR_RETURN(const fs::path folder, RunFolder(runs, run));
  for (const StoredCheckpoint& each : ListCheckpoints(CheckpointFolder(runs, run)).checkpoints) {
    if (each.manifest.step != *step) continue;
    RETURN_IF_ERROR(Annotate(CheckBytes(each), each.path));
    return each.path;
  }
  return absl::NotFoundError(
      absl::StrCat(folder.string(), ": this run has no checkpoint of step ", *step));
}

}  // namespace

absl::StatusOr<WeightsFile> OpenCheckpoint(const ClusterFlags& flags, const std::string& run,
                                           std::optional<int> step) {
  const std::string blob = step.has_value() ? absl::StrCat("checkpoint:", run, "/", *step)
                                            : absl::StrCat("run:", run);
  WeightsFile weights;
  if (flags.server.address.empty()) {
    ASSIGN_OR_RETURN(const std::string path,
                     PathOfCheckpoint(flags.local.runs_directory, run, step));
    ASSIGN_OR_RETURN(weights, OpenWeightsFile(path));
  } else {
    ASSIGN_OR_RETURN(const auto bytes, OpenRemoteBlob(flags.server, blob));
    auto content = OpenSafetensors(bytes);
    if (!content.ok()) return Annotate(content.status(), blob);
    weights.content = *std::move(content);
    weights.bytes = StreamOf(bytes);
  }
  weights.blob = blob;
  return weights;
}

absl::StatusOr<v1::RunConfig> LoadRunConfig(const std::string& runs_directory,
                                            const std::string& run) {
  ASSIGN_OR_RETURN(const fs::path folder, RunFolder(runs_directory, run));
  return LoadRunFile((folder / "config.textproto").string());
}

absl::StatusOr<StoredCheckpoint> FindCheckpoint(const std::string& runs_directory,
                                                const std::string& run) {
  ASSIGN_OR_RETURN(const fs::path folder, RunFolder(runs_directory, run));
  CheckpointList list = ListCheckpoints(CheckpointFolder(runs_directory, run));
  auto newest = NewestSound(&list);
  if (newest.ok()) {
    for (const std::string& warning : list.passed_over)
      absl::FPrintF(stderr, "warning: %s\n", warning);
    return newest;
  }
  if (!list.passed_over.empty()) return Annotate(newest.status(), folder.string());
  return absl::NotFoundError(absl::StrCat(folder.string(), ": this run has no checkpoint"));
}

absl::StatusOr<v1::ModelConfig> ModelOfWeights(const WeightsFile& weights,
                                               const std::string& origin) {
  StoredFile file = weights.content;
  SplitOptimizerState(&file.tensors);
  const auto gpt2 = OpenGpt2Weights(std::move(file));
  if (!gpt2.ok()) return Annotate(gpt2.status(), origin);
  v1::ModelConfig model;
  model.set_name(fs::path(origin).stem().string());
  model.set_layers(gpt2->shape.layers);
  if (gpt2->shape.heads > 0) model.set_heads(gpt2->shape.heads);
  model.set_channels(gpt2->shape.channels);
  model.set_sequence(gpt2->shape.sequence);
  model.set_vocabulary(gpt2->shape.vocabulary);
  model.set_biases(gpt2->shape.biases);
  model.set_tied_head(gpt2->shape.tied_head);
  model.set_gelu(gpt2->gelu_tanh ? v1::GELU_TANH : v1::GELU_ERF);
  return model;
}

absl::StatusOr<std::vector<std::string>> SymbolsOfWeights(const WeightsFile& weights,
                                                          const std::string& origin) {
  auto symbols = ReadSymbols(weights.content.metadata);
  if (!symbols.ok()) return Annotate(symbols.status(), origin);
  return symbols;
}

absl::StatusOr<TokenizerId> TokenizerOfWeights(const WeightsFile& weights,
                                               const std::string& origin) {
  ASSIGN_OR_RETURN(const auto symbols, SymbolsOfWeights(weights, origin));
  auto tokenizer = ReadTokenizerId(symbols, weights.content.metadata);
  if (!tokenizer.ok()) return Annotate(tokenizer.status(), origin);
  return tokenizer;
}

absl::Status CheckWeightsFit(const v1::ModelConfig& of_weights, const std::string& origin,
                             const v1::ModelConfig& model) {
  const std::tuple<const char*, int, int> sizes[] = {
      {"layers", of_weights.layers(), model.layers()},
      {"channels", of_weights.channels(), model.channels()},
      {"sequence", of_weights.sequence(), model.sequence()},
      {"vocabulary", of_weights.vocabulary(), model.vocabulary()},
      {"biases", of_weights.biases(), model.biases()},
      {"tied_head", HasTiedHead(of_weights), HasTiedHead(model)}};
  std::vector<std::string> differences;
  for (const auto& [field, has, wants] : sizes) {
    if (has != wants)
      differences.push_back(absl::StrCat("model.", field, "=", wants, ", the weights have ", has));
  }
  if (differences.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      origin, ": these weights belong to another model: ", absl::StrJoin(differences, "; ")));
}

absl::Status ExplainHeads(const absl::Status& status, const v1::ModelConfig& of_weights,
                          const std::string& origin) {
  const bool about_heads = absl::StrContains(std::string(status.message()), "model.heads:");
  if (!about_heads || of_weights.has_heads() || !of_weights.has_channels()) return status;
  return absl::Status(
      status.code(),
      absl::StrCat(std::string(status.message()), "\n", origin,
                   " does not say how many heads its model has, and channels=",
                   of_weights.channels(), " is no multiple of 64: give --set model.heads=N"));
}

absl::StatusOr<Checkpoint> LoadCheckpoint(const ClusterFlags& flags, const std::string& run,
                                          std::optional<int> step) {
  Checkpoint checkpoint;
  ASSIGN_OR_RETURN(checkpoint.weights, OpenCheckpoint(flags, run, step));
  if (!flags.server.address.empty()) {
    ASSIGN_OR_RETURN(*checkpoint.config.mutable_model(),
                     ModelOfWeights(checkpoint.weights, "run:" + run));
    return checkpoint;
  }
  ASSIGN_OR_RETURN(checkpoint.config, LoadRunConfig(flags.local.runs_directory, run));
  ForgetDefaultDeadline(&checkpoint.config);
  return checkpoint;
}

}  // namespace edgetp
