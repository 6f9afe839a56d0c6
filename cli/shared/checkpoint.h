// Weights that a job starts from: a file, or a checkpoint of a run; and what can be read off them.
// Their header is read; the values stay where they are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/shared/cluster.h"
#include "common/checkpoint/checkpoint_folder.h"
#include "common/data/tokenizer_id.h"
#include "common/data/weights_file.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// runs/<run>/config.textproto.
// Errors: NotFound naming the run and the directory; those of LoadRunFile.
absl::StatusOr<v1::RunConfig> LoadRunConfig(const std::string& runs_directory,
                                            const std::string& run);

// The newest sound checkpoint of a run; says on stderr what is passed over, and why.
// Errors: NotFound naming the run.
absl::StatusOr<StoredCheckpoint> FindCheckpoint(const std::string& runs_directory,
                                                const std::string& run);

// The model that weights belong to: sizes from the tensors, heads and GELU from the metadata (docs:
// cli reference); without heads where nothing tells them.
// Errors: InvalidArgument naming `origin` and the tensor.
absl::StatusOr<v1::ModelConfig> ModelOfWeights(const WeightsFile& weights,
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
absl::StatusOr<std::vector<std::string>> SymbolsOfWeights(const WeightsFile& weights,
                                                          const std::string& origin);

// Whose tokens a model was trained on; its symbols name it, if it has some. May be unknown.
// Errors: DataLoss naming `origin`.
absl::StatusOr<TokenizerId> TokenizerOfWeights(const WeightsFile& weights,
                                               const std::string& origin);

// The newest checkpoint of a run, or that of a step, wherever it is; the server of a job on this
// cluster has it already.
// Errors: NotFound naming the run; those of OpenWeightsFile and OpenRemoteBlob.
absl::StatusOr<WeightsFile> OpenCheckpoint(const ClusterFlags& flags, const std::string& run,
                                           std::optional<int> step = std::nullopt);

struct Checkpoint {
  v1::RunConfig config;  // of the run; from a running cluster only the model is known
  WeightsFile weights;
};

// The same, with the run's config.
// Errors: those of OpenCheckpoint, LoadRunConfig and ModelOfWeights.
absl::StatusOr<Checkpoint> LoadCheckpoint(const ClusterFlags& flags, const std::string& run,
                                          std::optional<int> step = std::nullopt);

}  // namespace edgetp
