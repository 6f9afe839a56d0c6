#include "worker/job/checkpoint.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/status_macros.h"
#include "common/data/gpt2_weights.h"
#include "common/data/safetensors.h"

namespace edgetp {
namespace {

constexpr char kStep[] = "edgetp.step";

}  // namespace

absl::StatusOr<std::string> CheckpointHeader(const v1::RunConfig& config,
                                             const std::vector<std::string>& symbols,
                                             const TokenizerId& tokenizer, int step,
                                             const std::vector<TensorInfo>& tensors,
                                             std::optional<double> validation_loss) {
  ModelShape shape;
  shape.heads = config.model().heads();
  TensorFile file;
  file.metadata = Gpt2Metadata(shape, config.model().gelu() != v1::GELU_ERF);
  file.metadata[kStep] = absl::StrCat(step);
  file.metadata["edgetp.run"] = config.name();
  file.metadata["edgetp.pattern"] = config.pattern();
  if (validation_loss.has_value())
    file.metadata["edgetp.validation_loss"] = absl::StrFormat("%.9g", *validation_loss);
  WriteSymbols(symbols, &file);
  if (symbols.empty()) WriteTokenizerId(tokenizer, &file.metadata);
  return SafetensorsHeader(file.metadata, tensors);
}

absl::StatusOr<Checkpoint> OpenCheckpoint(std::shared_ptr<const ByteSource> source) {
  ASSIGN_OR_RETURN(StoredFile file, OpenSafetensors(std::move(source)));
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
  checkpoint.guard = SplitByPrefix(kGuardPrefix, &checkpoint.optimizer_state);
  ASSIGN_OR_RETURN(StoredGpt2 weights, OpenGpt2Weights(std::move(file)));
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
