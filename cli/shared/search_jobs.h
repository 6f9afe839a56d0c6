// From what `edgetp search` was asked for to the jobs that it runs: which patterns, what a trial of
// one is, and what a step of it takes. Every fault is found before the first job.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/shared/eval_job.h"
#include "cli/shared/job_series.h"
#include "cli/shared/train_job.h"
#include "common/search/pattern_search.h"
#include "common/search/search_report.h"

namespace edgetp {

// As typed.
struct SearchFlags {
  TrainFlags train;     // what runs are like; the pattern is what is searched for
  std::string weights;  // a safetensors file: its loss as it is, instead of runs; empty: none
  std::optional<int> eval_windows;
  std::vector<std::string> letters = {"t", "s"};
  std::string budget_loss = "1%";
  int rungs = 3;
  int factor = 3;
  int seeds = 1;
  int max_mixtures = 32;
};

class SearchJobs {
 public:
  // Reads weights and data.
  // Errors: InvalidArgument with all faults; those of LoadTrainData and PrepareEval.
  static absl::StatusOr<SearchJobs> Prepare(const SearchFlags& flags);

  const SearchOptions& options() const { return options_; }
  const LossBudget& budget() const { return budget_; }
  const v1::RunConfig& config() const { return config_; }  // of the baseline, for the longest
  bool evaluates() const { return evaluates_; }
  const char* unit() const { return evaluates_ ? "windows" : "steps"; }

  // What all jobs start from; once.
  JobBlobs TakeBlobs() { return std::move(blobs_); }

  // The job that measures a trial's loss, and what it has found.
  // Errors: those of ResolveTraining.
  absl::StatusOr<v1::JobSpec> SpecOf(const Trial& trial) const;
  static double LossOf(const JobOutcome& outcome);
  uint64_t SeedOf(const Trial& trial) const { return config_.seed() + trial.seed; }

  // Compute times come from device profiles; without any, from a few steps of the baseline, over no
  // network, on what the workers run on.
  bool MustMeasureHost() const { return devices_.empty(); }
  v1::JobSpec HostSpec() const;
  // Errors: those of BuildPlanReport; Internal if the run has no times.
  absl::Status TakeHost(const v1::RunSummary& summary);

  // Of a training step, simulated.
  // Errors: those of Simulate.
  absl::StatusOr<double> StepSeconds(const std::string& pattern) const;
  double TokensPerStep() const;

  // Names, method and unit.
  void Describe(v1::SearchReport* report) const;

 private:
  explicit SearchJobs(const SearchFlags& flags) : flags_(flags) {}
  absl::Status ReadFlags();
  absl::Status PrepareTraining();
  absl::Status PrepareEvaluation();
  absl::Status CheckConfig() const;
  absl::Status CheckZeroShot() const;
  absl::StatusOr<v1::RunConfig> Resolve(const std::string& letter, const TrainInputs& inputs) const;

  SearchFlags flags_;
  SearchOptions options_;
  LossBudget budget_;
  bool evaluates_ = false;
  v1::RunConfig config_;
  TrainInputs inputs_;  // of runs; empty where weights are evaluated
  JobBlobs blobs_;
  std::vector<v1::DeviceProfile> devices_;
  std::string device_;  // their names
};

}  // namespace edgetp
