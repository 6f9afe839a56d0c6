// Weights that a job starts from: a file, or the newest checkpoint of a run; and what can be read
// off them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/shared/cluster.h"
#include "common/data/tokenizer_id.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// runs/<run>/config.textproto.
// Errors: NotFound naming the run and the directory; those of LoadRunFile.
absl::StatusOr<v1::RunConfig> LoadRunConfig(const std::string& runs_directory,
                                            const std::string& run);

// After how many steps the newest checkpoint of a run was taken, by the name of its file; nothing if
// there is none.
std::optional<int> NewestCheckpointStep(const std::string& runs_directory, const std::string& run);

// The model that weights belong to: sizes from the tensors, heads and GELU from the metadata (docs:
// cli reference); without heads where nothing tells them.
// Errors: InvalidArgument naming `origin` and the tensor.
absl::StatusOr<v1::ModelConfig> ModelOfWeights(const std::string& weights,
                                               const std::string& origin);

// Whether weights of the model `of_weights` can be loaded into `model`.
// Errors: InvalidArgument naming `origin` and each field that differs.
absl::Status CheckWeightsFit(const v1::ModelConfig& of_weights, const std::string& origin,
                             const v1::ModelConfig& model);

// `status` of resolving a run that starts from such weights; says what to do where heads are
// missing.
absl::Status ExplainHeads(const absl::Status& status, const v1::ModelConfig& of_weights,
                          const std::string& origin);

// The symbols of the text that a model was trained on, in token order; empty if its data had none.
// Errors: InvalidArgument naming `origin`.
absl::StatusOr<std::vector<std::string>> SymbolsOfWeights(const std::string& weights,
                                                          const std::string& origin);

// The same of the newest checkpoint of a run, wherever it is.
// Errors: those of LoadCheckpoint.
absl::StatusOr<std::vector<std::string>> SymbolsOfRun(const ClusterFlags& flags,
                                                      const std::string& run);

// Whose tokens a model was trained on; its symbols name it, if it has some. May be unknown.
// Errors: DataLoss naming `origin`; as SymbolsOfRun.
absl::StatusOr<TokenizerId> TokenizerOfWeights(const std::string& weights,
                                               const std::string& origin);
absl::StatusOr<TokenizerId> TokenizerOfRun(const ClusterFlags& flags, const std::string& run);

struct Checkpoint {
  v1::RunConfig config;  // of the run; from a running cluster only the model is known
  std::string weights;   // safetensors
};

// The newest checkpoint of a run: from the runs directory, or from the running cluster of --server.
// Errors: NotFound naming the run.
absl::StatusOr<Checkpoint> LoadCheckpoint(const ClusterFlags& flags, const std::string& run);

}  // namespace edgetp
