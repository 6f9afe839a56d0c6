#include "cli/train_job.h"

#include "absl/strings/str_cat.h"
#include "cli/checkpoint.h"
#include "cli/command.h"
#include "common/base/status_macros.h"
#include "common/config/defaults.h"
#include "common/plan/pattern.h"
#include "common/simulate/deadline.h"

namespace edgetp {

void AddTrainJobFlags(CLI::App* command, TrainFlags* flags) {
  AddModelFlags(command, &flags->run);
  AddTrainFlags(command, &flags->run);
  AddDataFlag(command, &flags->run);
  AddCollectiveFlags(command, &flags->run);
  AddPresetFlags(command, &flags->run);
  command->add_option("--init_from", flags->init_from,
                      "start from the weights of a safetensors file");
  AddFormatFlag(command, &flags->format);
  AddPacedClusterFlags(command, &flags->cluster, &flags->run.device);
}

TrainInputs LoadTrainInputs(const TrainFlags& flags, Faults* faults) {
  TrainInputs inputs;
  if (flags.resume.has_value()) {
    inputs.base = faults->Take(LoadRunConfig(flags.cluster.local.runs_directory, *flags.resume));
    inputs.base.clear_name();  // the continuation is a run of its own
    ForgetDefaultDeadline(&inputs.base);
  }
  if (flags.init_from.has_value()) {
    inputs.weights = faults->Take(ReadWeightsFile(*flags.init_from));
    if (inputs.weights->size() > 0 && !flags.run.model.has_value()) {
      *inputs.base.mutable_model() =
          faults->Take(ModelOfWeights(*inputs.weights, *flags.init_from));
    }
  }
  return inputs;
}

absl::Status LoadTrainData(const TrainFlags& flags, TrainInputs* inputs) {
  ASSIGN_OR_RETURN(inputs->corpus, LoadData(DataOf(flags.run, inputs->base), &inputs->data));
  return absl::OkStatus();
}

absl::StatusOr<v1::RunConfig> ResolveTraining(const RunFlags& flags, const TrainInputs& inputs) {
  const int vocabulary =
      inputs.corpus.has_value() ? inputs.corpus->vocabulary() : kAssumedVocabulary;
  ASSIGN_OR_RETURN(v1::RunConfig config, ResolveRun(flags, inputs.base, vocabulary));
  config.set_data(inputs.data);
  if (inputs.corpus.has_value()) {
    RETURN_IF_ERROR(
        Annotate(inputs.corpus->CheckFits(config.model().sequence(), config.model().vocabulary()),
                 absl::StrCat("--data=", inputs.data)));
  }
  return config;
}

absl::StatusOr<v1::JobSpec> UploadTrainInputs(const TrainFlags& flags, const TrainInputs& inputs,
                                              Remote& remote) {
  v1::JobSpec spec;
  ASSIGN_OR_RETURN(*spec.mutable_corpus_blob(), remote.PutBlob(inputs.corpus->Serialize()));
  spec.mutable_train()->set_resume(flags.resume.has_value());
  if (flags.resume.has_value()) spec.set_weights_blob("run:" + *flags.resume);
  if (inputs.weights.has_value()) {
    ASSIGN_OR_RETURN(*spec.mutable_weights_blob(), remote.PutBlob(*inputs.weights));
  }
  return spec;
}

v1::RunSummary SummaryOf(const v1::RunConfig& config, const absl::StatusOr<JobOutcome>& outcome) {
  v1::RunSummary summary;
  if (outcome.ok() && outcome->summary.has_value()) {
    summary = *outcome->summary;
  } else {
    const auto pattern = Pattern::Parse(config.pattern(), config.model().layers());
    summary.set_run(outcome.ok() ? outcome->run : config.name());
    summary.set_model(config.model().name());
    summary.set_pattern(pattern.ok() ? pattern->Expanded() : config.pattern());
    summary.set_sync_points_forward(pattern.ok() ? pattern->ForwardSyncPoints() : 0);
    summary.set_workers(config.workers());
    summary.set_network(config.network().name());
  }
  const absl::Status& status = outcome.ok() ? outcome->status : outcome.status();
  if (!status.ok()) {
    if (summary.status().empty() || summary.status() == "done") summary.set_status("failed");
    if (summary.error().empty()) summary.set_error(std::string(status.message()));
  }
  return summary;
}

}  // namespace edgetp
