#include "worker/checkpoint.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/data/gpt2_weights.h"
#include "common/data/safetensors.h"

namespace edgetp {
namespace {

constexpr char kStep[] = "edgetp.step";
constexpr char kVocabulary[] = "edgetp.vocabulary";

absl::StatusOr<std::vector<std::string>> ParseSymbols(const std::string& text) {
  const nlohmann::json array = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  std::vector<std::string> symbols;
  bool readable = array.is_array();
  for (size_t i = 0; readable && i < array.size(); ++i) {
    readable = array[i].is_string();
    if (readable) symbols.push_back(array[i].get<std::string>());
  }
  if (!readable)
    return absl::DataLossError(
        absl::StrCat("metadata ", kVocabulary, ": not a JSON array of strings"));
  return symbols;
}

}  // namespace

absl::StatusOr<std::string> SerializeCheckpoint(const v1::RunConfig& config,
                                                const std::vector<std::string>& symbols, int step,
                                                std::vector<NamedTensor> tensors) {
  TensorFile file;
  file.tensors = std::move(tensors);
  file.metadata = {
      {kStep, absl::StrCat(step)},
      {"edgetp.run", config.name()},
      {"edgetp.pattern", config.pattern()},
      {"edgetp.heads", absl::StrCat(config.model().heads())},
      {"edgetp.gelu", config.model().gelu() == v1::GELU_ERF ? "erf" : "tanh"},
  };
  if (!symbols.empty()) file.metadata[kVocabulary] = nlohmann::json(symbols).dump();
  return SerializeSafetensors(file);
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
  if (const auto vocabulary = file.metadata.find(kVocabulary); vocabulary != file.metadata.end()) {
    ASSIGN_OR_RETURN(checkpoint.symbols, ParseSymbols(vocabulary->second));
  }
  checkpoint.optimizer_state = SplitOptimizerState(&file.tensors);
  ASSIGN_OR_RETURN(Gpt2Weights weights, ReadGpt2Weights(std::move(file)));
  checkpoint.weights = std::move(weights.tensors);
  return checkpoint;
}

}  // namespace edgetp
