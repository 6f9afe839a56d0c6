// A checkpoint: full weights, optimizer state and error feedback's in one safetensors file, with what is needed to go
// on and to sample. It is read and written in pieces: nobody holds it. Metadata: edgetp.step, edgetp.run,
// edgetp.validation_loss (after that step), edgetp.pattern, edgetp.heads, edgetp.gelu, edgetp.vocabulary (a JSON array
// of symbols), or edgetp.tokenizer (its name and SHA-256).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/byte_source.h"
#include "common/data/stored_tensor.h"
#include "common/data/tokenizer_id.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

struct Checkpoint {
  int step = 0;                               // updates made; 0 for weights from elsewhere
  std::vector<std::string> symbols;           // of the vocabulary; empty if unknown
  TokenizerId tokenizer;                      // whose tokens they are; follows from the symbols, if any
  std::vector<StoredTensor> weights;          // canonical GPT-2 names and layout
  std::vector<StoredTensor> optimizer_state;  // moments; empty for weights from elsewhere
  std::vector<StoredTensor> residuals;        // what error feedback has kept
  std::vector<StoredTensor> guard;            // and the guard of norms
};

// What the file begins with; the values of `tensors` follow, in their order.
// Errors: those of SafetensorsHeader.
absl::StatusOr<std::string> CheckpointHeader(const v1::RunConfig& config,
                                             const std::vector<std::string>& symbols,
                                             const TokenizerId& tokenizer, int step,
                                             const std::vector<TensorInfo>& tensors,
                                             std::optional<double> validation_loss = std::nullopt);

// A checkpoint, or any weights that OpenGpt2Weights accepts. Its values are read when they are needed.
// Errors: those of OpenSafetensors and OpenGpt2Weights; DataLoss naming a metadata key that cannot
// be read.
absl::StatusOr<Checkpoint> OpenCheckpoint(std::shared_ptr<const ByteSource> source);

// A token must mean what it meant when the weights were trained. Either may be unknown (empty).
// Errors: InvalidArgument if both are known and differ.
absl::Status CheckSameSymbols(const std::vector<std::string>& corpus,
                              const std::vector<std::string>& weights);

}  // namespace edgetp
