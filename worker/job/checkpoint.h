// A checkpoint: full weights, optimizer state and error feedback's in one safetensors file, with what is needed to go
// on and to sample. Metadata: edgetp.step, edgetp.run, edgetp.pattern, edgetp.heads, edgetp.gelu,
// edgetp.vocabulary (a JSON array of symbols), or edgetp.tokenizer (its name and SHA-256).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/data/named_tensor.h"
#include "common/data/tokenizer_id.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

struct Checkpoint {
  int step = 0;                      // updates made; 0 for weights from elsewhere
  std::vector<std::string> symbols;  // of the vocabulary; empty if unknown
  TokenizerId tokenizer;             // whose tokens they are; follows from the symbols, if any
  std::vector<NamedTensor> weights;  // canonical GPT-2 names and layout
  std::vector<NamedTensor> optimizer_state;  // moments; empty for weights from elsewhere
  std::vector<NamedTensor> residuals;        // what error feedback has kept
};

// A file that is never in memory as a whole, beside the tensors that it is made of.
class CheckpointFile {
 public:
  CheckpointFile(std::string header, const std::vector<NamedTensor>* tensors)
      : header_(std::move(header)), tensors_(tensors) {}
  // One after the other they are the file. They lie in this object and in the tensors.
  std::vector<absl::string_view> Pieces() const;

 private:
  std::string header_;
  const std::vector<NamedTensor>* tensors_;
};

// `tensors` as Trainer::ExportWeights and ErrorFeedback::Gather give them; they must outlive the
// file.
// Errors: those of SafetensorsHeader.
absl::StatusOr<CheckpointFile> MakeCheckpoint(const v1::RunConfig& config,
                                              const std::vector<std::string>& symbols,
                                              const TokenizerId& tokenizer, int step,
                                              const std::vector<NamedTensor>& tensors);

// A checkpoint, or any weights that ReadGpt2Weights accepts.
// Errors: those of ParseSafetensors and ReadGpt2Weights; DataLoss naming a metadata key that cannot
// be read.
absl::StatusOr<Checkpoint> ParseCheckpoint(const std::string& bytes);

// A token must mean what it meant when the weights were trained. Either may be unknown (empty).
// Errors: InvalidArgument if both are known and differ.
absl::Status CheckSameSymbols(const std::vector<std::string>& corpus,
                              const std::vector<std::string>& weights);

}  // namespace edgetp
