#include "cli/checkpoint.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/load.h"
#include "common/config/validate.h"
#include "common/data/gpt2_weights.h"
#include "common/data/safetensors.h"
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

}  // namespace

absl::StatusOr<v1::RunConfig> LoadRunConfig(const std::string& runs_directory,
                                            const std::string& run) {
  ASSIGN_OR_RETURN(const fs::path folder, RunFolder(runs_directory, run));
  v1::RunConfig config;
  RETURN_IF_ERROR(LoadTextproto((folder / "config.textproto").string(), &config));
  return config;
}

absl::StatusOr<std::string> ReadWeightsFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("read weights ", path));
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (file.bad()) return absl::ErrnoToStatus(errno, absl::StrCat("read weights ", path));
  if (bytes.empty())
    return absl::InvalidArgumentError(absl::StrCat("read weights ", path, ": the file is empty"));
  return bytes;
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
  model.set_heads(gpt2->shape.heads);
  model.set_channels(gpt2->shape.channels);
  model.set_sequence(gpt2->shape.sequence);
  model.set_vocabulary(gpt2->shape.vocabulary);
  model.set_biases(gpt2->shape.biases);
  model.set_gelu(gpt2->gelu_tanh ? v1::GELU_TANH : v1::GELU_ERF);
  return model;
}

absl::StatusOr<std::vector<std::string>> SymbolsOfWeights(const std::string& weights,
                                                          const std::string& origin) {
  const auto file = ParseSafetensors(weights);
  if (!file.ok()) return Annotate(file.status(), origin);
  auto symbols = ReadSymbols(*file);
  if (!symbols.ok()) return Annotate(symbols.status(), origin);
  return symbols;
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
