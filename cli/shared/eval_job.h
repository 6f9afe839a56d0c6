// What eval and search share: from weights and flags to the job that measures their loss.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "cli/shared/checkpoint.h"
#include "cli/shared/cluster.h"
#include "cli/shared/job_series.h"
#include "cli/shared/run_options.h"
#include "edgetp/v1/cluster.pb.h"

namespace edgetp {

// Which weights, and how they are run.
struct WeightsFlags {
  RunFlags run;
  ClusterFlags cluster;
  std::string of_run;           // its newest checkpoint, or
  std::string weights;          // a safetensors file
  std::string tokenizer_files;  // of the weights' tokenizer, to evaluate a text; empty: the run's
};

struct EvalInputs {
  Checkpoint checkpoint;
  std::optional<Corpus> corpus;  // in the vocabulary of the weights
  v1::RunConfig config;
};

// Reads the weights, then the data: it may have to be downloaded, and a typing error should not wait
// for that.
// Errors: InvalidArgument with all faults, and if weights and model do not fit; those of
// LoadCheckpoint and LoadData.
absl::StatusOr<EvalInputs> PrepareEval(const WeightsFlags& flags);

// Of `windows` windows from the start of the validation split; absent: of all.
v1::JobSpec EvalSpec(const v1::RunConfig& config, std::optional<int> windows);
JobBlobs EvalBlobs(EvalInputs inputs);

}  // namespace edgetp
