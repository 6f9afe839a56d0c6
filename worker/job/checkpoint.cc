#include "worker/job/checkpoint.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/data/gpt2_weights.h"
#include "common/data/safetensors.h"

namespace edgetp {
namespace {

constexpr char kStep[] = "edgetp.step";

}  // namespace

std::vector<absl::string_view> CheckpointFile::Pieces() const {
  std::vector<absl::string_view> pieces = {header_};
  for (const NamedTensor& tensor : *tensors_) {
    pieces.emplace_back(reinterpret_cast<const char*>(tensor.values.data()),
                        tensor.values.size() * sizeof(float));
  }
  return pieces;
}

absl::StatusOr<CheckpointFile> MakeCheckpoint(const v1::RunConfig& config,
                                              const std::vector<std::string>& symbols,
                                              const TokenizerId& tokenizer, int step,
                                              const std::vector<NamedTensor>& tensors) {
  Gpt2Weights model;  // without its tensors: they stay where they are
  model.shape.heads = config.model().heads();
  model.gelu_tanh = config.model().gelu() != v1::GELU_ERF;
  TensorFile file = WriteGpt2Weights(std::move(model));
  file.metadata[kStep] = absl::StrCat(step);
  file.metadata["edgetp.run"] = config.name();
  file.metadata["edgetp.pattern"] = config.pattern();
  WriteSymbols(symbols, &file);
  if (symbols.empty()) WriteTokenizerId(tokenizer, &file.metadata);
  ASSIGN_OR_RETURN(std::string header, SafetensorsHeader(file.metadata, tensors));
  return CheckpointFile(std::move(header), &tensors);
}

absl::StatusOr<Checkpoint> ParseCheckpoint(const std::string& bytes) {
  ASSIGN_OR_RETURN(TensorFile file, ParseSafetensors(bytes));
  Checkpoint checkpoint;
  if (const auto step = file.metadata.find(kStep);
      step != file.metadata.end() &&
      (!absl::SimpleAtoi(step->second, &checkpoint.step) || checkpoint.step < 0)) {
    return absl::DataLossError(
        absl::StrCat("metadata ", kStep, ": \"", step->second, "\" is not a step"));
  }
  ASSIGN_OR_RETURN(checkpoint.symbols, ReadSymbols(file.metadata));
  ASSIGN_OR_RETURN(checkpoint.tokenizer, ReadTokenizerId(checkpoint.symbols, file.metadata));
  checkpoint.optimizer_state = SplitOptimizerState(&file.tensors);
  checkpoint.residuals = SplitByPrefix(kResidualPrefix, &checkpoint.optimizer_state);
  ASSIGN_OR_RETURN(Gpt2Weights weights, ReadGpt2Weights(std::move(file)));
  checkpoint.weights = std::move(weights.tensors);
  return checkpoint;
}

absl::Status CheckSameSymbols(const std::vector<std::string>& corpus,
                              const std::vector<std::string>& weights) {
  if (corpus.empty() || weights.empty() || corpus == weights) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the corpus numbers ", corpus.size(),
                                                 " characters otherwise than the weights do their ",
                                                 weights.size()));
}

}  // namespace edgetp
