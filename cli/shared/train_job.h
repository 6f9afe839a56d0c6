// What train, sweep and search share: from flags to the job of one run, and from its outcome to the row of
// a table.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/shared/cluster.h"
#include "cli/shared/job.h"
#include "cli/shared/job_series.h"
#include "cli/shared/output.h"
#include "cli/shared/run_options.h"
#include "edgetp/v1/cluster.pb.h"

namespace edgetp {

struct TrainFlags {
  RunFlags run;
  ClusterFlags cluster;
  std::optional<std::string> init_from;  // safetensors file
  std::optional<std::string> resume;     // name of a run; `run.run` the same: another attempt of it
  OutputFormat format = OutputFormat::kTable;
  bool print_config = false;  // and do nothing else
};

// Everything that they have in common.
void AddTrainJobFlags(CLI::App* command, TrainFlags* flags);

// What runs of one command start from: read once, checked against every cell.
struct TrainInputs {
  v1::RunConfig base;  // of the run to resume
  int done_steps = 0;  // of that run, by its newest checkpoint
  std::string corpus_of_base;  // id of what it was trained on; empty: unknown
  std::optional<Corpus> corpus;
  std::string data;                             // where it came from
  std::optional<WeightsFile> weights;           // of --init_from
  v1::ModelConfig model_of_weights;             // empty without
  std::optional<WeightsVocabulary> vocabulary;  // of what the run goes on with
};

// Reads weights and the config of a run to resume. Faults go to `faults`.
TrainInputs LoadTrainInputs(const TrainFlags& flags, Faults* faults);

// Reads the data. Call when all else is right: it may have to be downloaded, and a typing error
// should not wait for that.
// Errors: those of LoadData.
absl::Status LoadTrainData(const TrainFlags& flags, TrainInputs* inputs);

// The config of one cell, checked against the data if that has been read.
// Errors: InvalidArgument with all faults.
absl::StatusOr<v1::RunConfig> ResolveTraining(const RunFlags& flags, const TrainInputs& inputs);

// True, and says so, if the run to resume has all the steps that are asked for.
bool NothingToDo(const TrainFlags& flags, const TrainInputs& inputs, const v1::RunConfig& config);

// The job of one run, but for the blobs that all runs of the command share.
v1::JobSpec TrainSpec(const TrainFlags& flags, const v1::RunConfig& config);
JobBlobs TrainBlobs(const TrainInputs& inputs);

// The summary of a run, whatever became of it: one that failed early gets a row with its status and
// error.
v1::RunSummary SummaryOf(const v1::RunConfig& config, const absl::StatusOr<JobOutcome>& outcome);

// Says on stderr, behind `label`, if the run's last checkpoint could not be saved. True if it was.
bool ReportCheckpoint(const v1::RunSummary& summary, const std::string& label);

}  // namespace edgetp
