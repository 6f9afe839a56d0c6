#include "cli/shared/checkpoint.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
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

// Step numbers are zero-padded: the newest file is the last one in the order of names.
absl::StatusOr<std::string> NewestCheckpoint(const fs::path& folder) {
  std::string newest;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder / "checkpoints", error)) {
    if (entry.path().extension() == ".safetensors")
      newest = std::max(newest, entry.path().string());
  }
  if (newest.empty())
    return absl::NotFoundError(absl::StrCat(folder.string(), ": this run has no checkpoint"));
  return newest;
}

// Of the newest checkpoint: the beginning of the file, or all of it.
absl::StatusOr<std::string> HeaderOfRun(const ClusterFlags& flags, const std::string& run) {
  if (!flags.server.address.empty()) {
    ASSIGN_OR_RETURN(Remote remote, Remote::Open(flags.server));
    return remote.GetBlob("run:" + run);
  }
  ASSIGN_OR_RETURN(const fs::path folder, RunFolder(flags.local.runs_directory, run));
  ASSIGN_OR_RETURN(const std::string path, NewestCheckpoint(folder));
  return ReadSafetensorsHeader(path);
}

}  // namespace

absl::StatusOr<v1::RunConfig> LoadRunConfig(const std::string& runs_directory,
                                            const std::string& run) {
  ASSIGN_OR_RETURN(const fs::path folder, RunFolder(runs_directory, run));
  return LoadRunFile((folder / "config.textproto").string());
}

std::optional<int> NewestCheckpointStep(const std::string& runs_directory, const std::string& run) {
  const absl::StatusOr<fs::path> folder = RunFolder(runs_directory, run);
  if (!folder.ok()) return std::nullopt;
  const absl::StatusOr<std::string> newest = NewestCheckpoint(*folder);
  int step = 0;
  if (!newest.ok() || std::sscanf(fs::path(*newest).filename().c_str(), "step-%d", &step) != 1)
    return std::nullopt;
  return step;
}

absl::StatusOr<v1::ModelConfig> ModelOfWeights(const std::string& weights,
                                               const std::string& origin) {
  auto file = ParseSafetensors(weights);
  if (!file.ok())
    return absl::InvalidArgumentError(
        absl::StrCat(origin, ": ", std::string(file.status().message())));
  SplitOptimizerState(&file->tensors);
  const auto gpt2 = ReadGpt2Weights(*std::move(file));
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

absl::StatusOr<std::vector<std::string>> SymbolsOfWeights(const std::string& weights,
                                                          const std::string& origin) {
  const auto metadata = ParseSafetensorsMetadata(weights);
  if (!metadata.ok()) return Annotate(metadata.status(), origin);
  auto symbols = ReadSymbols(*metadata);
  if (!symbols.ok()) return Annotate(symbols.status(), origin);
  return symbols;
}

absl::StatusOr<std::vector<std::string>> SymbolsOfRun(const ClusterFlags& flags,
                                                      const std::string& run) {
  ASSIGN_OR_RETURN(const std::string header, HeaderOfRun(flags, run));
  return SymbolsOfWeights(header, absl::StrCat("run ", run));
}

absl::StatusOr<TokenizerId> TokenizerOfWeights(const std::string& weights,
                                               const std::string& origin) {
  const auto metadata = ParseSafetensorsMetadata(weights);
  if (!metadata.ok()) return Annotate(metadata.status(), origin);
  ASSIGN_OR_RETURN(const auto symbols, SymbolsOfWeights(weights, origin));
  auto tokenizer = ReadTokenizerId(symbols, *metadata);
  if (!tokenizer.ok()) return Annotate(tokenizer.status(), origin);
  return tokenizer;
}

absl::StatusOr<TokenizerId> TokenizerOfRun(const ClusterFlags& flags, const std::string& run) {
  ASSIGN_OR_RETURN(const std::string header, HeaderOfRun(flags, run));
  return TokenizerOfWeights(header, absl::StrCat("run ", run));
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

absl::StatusOr<Checkpoint> LoadCheckpoint(const ClusterFlags& flags, const std::string& run) {
  Checkpoint checkpoint;
  if (!flags.server.address.empty()) {
    ASSIGN_OR_RETURN(Remote remote, Remote::Open(flags.server));
    ASSIGN_OR_RETURN(checkpoint.weights, remote.GetBlob("run:" + run));
    ASSIGN_OR_RETURN(*checkpoint.config.mutable_model(),
                     ModelOfWeights(checkpoint.weights, "run:" + run));
    return checkpoint;
  }
  const std::string& runs = flags.local.runs_directory;
  ASSIGN_OR_RETURN(checkpoint.config, LoadRunConfig(runs, run));
  ForgetDefaultDeadline(&checkpoint.config);
  ASSIGN_OR_RETURN(const fs::path folder, RunFolder(runs, run));
  ASSIGN_OR_RETURN(const std::string path, NewestCheckpoint(folder));
  ASSIGN_OR_RETURN(checkpoint.weights, ReadWeightsFile(path));
  return checkpoint;
}

}  // namespace edgetp
