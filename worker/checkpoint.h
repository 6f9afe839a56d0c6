// A checkpoint: full weights and optimizer state in one safetensors file, with what is needed to go
// on and to sample. Metadata: edgetp.step, edgetp.run, edgetp.pattern, edgetp.heads, edgetp.gelu,
// edgetp.vocabulary (a JSON array of symbols).
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/named_tensor.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

struct Checkpoint {
  int step = 0;                              // updates made; 0 for weights from elsewhere
  std::vector<std::string> symbols;          // of the vocabulary; empty if unknown
  std::vector<NamedTensor> weights;          // canonical GPT-2 names and layout
  std::vector<NamedTensor> optimizer_state;  // "optimizer.*"; empty for weights from elsewhere
};

// `tensors` as Trainer::ExportWeights gives them. Errors: those of SerializeSafetensors.
absl::StatusOr<std::string> SerializeCheckpoint(const v1::RunConfig& config,
                                                const std::vector<std::string>& symbols, int step,
                                                std::vector<NamedTensor> tensors);

// A checkpoint, or any weights that ReadGpt2Weights accepts.
// Errors: those of ParseSafetensors and ReadGpt2Weights; DataLoss naming a metadata key that cannot
// be read.
absl::StatusOr<Checkpoint> ParseCheckpoint(const std::string& bytes);

}  // namespace edgetp
