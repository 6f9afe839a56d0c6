#include "cli/shared/train_job.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/checkpoint.h"
#include "cli/shared/command.h"
#include "common/base/status_macros.h"
#include "common/config/defaults.h"
#include "common/data/weights_file.h"
#include "common/plan/pattern.h"
#include "common/simulate/deadline.h"

namespace edgetp {

namespace {

// What a run to resume leaves to its continuation, which is a run of its own.
void LoadRunToResume(const TrainFlags& flags, Faults* faults, TrainInputs* inputs) {
  const std::string& runs = flags.cluster.local.runs_directory;
  inputs->base = faults->Take(LoadRunConfig(runs, *flags.resume));
  // The cluster's server may have a checkpoint where this host sees none.
  inputs->done_steps = NewestCheckpointStep(runs, *flags.resume).value_or(0);
  inputs->base.clear_name();
  ForgetDefaultDeadline(&inputs->base);
  if (faults->status().ok()) {
    inputs->vocabulary = {"--resume=" + *flags.resume,
                          faults->Take(SymbolsOfRun(flags.cluster, *flags.resume)),
                          inputs->base.model().vocabulary()};
  }
  // What is wrong with the checkpoint was said once.
  if (faults->status().ok()) {
    inputs->vocabulary->tokenizer = faults->Take(TokenizerOfRun(flags.cluster, *flags.resume));
  }
  v1::TrainConfig* const train = inputs->base.mutable_train();
  // A cosine that ended with the run ends with its continuation.
  if (train->decay_steps() == train->steps()) train->clear_decay_steps();
}

}  // namespace

void AddTrainJobFlags(CLI::App* command, TrainFlags* flags) {
  AddModelFlags(command, &flags->run);
  AddParallelFlags(command, &flags->run);
  AddTrainFlags(command, &flags->run);
  AddBoardsFlag(command, &flags->run);
  AddDataFlag(command, &flags->run);
  AddCollectiveFlags(command, &flags->run);
  AddPresetFlags(command, &flags->run);
  command->add_option("--init_from", flags->init_from,
                      "start from the weights of a safetensors file, or of an index.json");
  AddFormatFlag(command, &flags->format);
  AddPacedClusterFlags(command, &flags->cluster, &flags->run.device);
}

TrainInputs LoadTrainInputs(const TrainFlags& flags, Faults* faults) {
  TrainInputs inputs;
  if (flags.resume.has_value()) LoadRunToResume(flags, faults, &inputs);
  if (flags.init_from.has_value()) {
    absl::StatusOr<std::string> weights = ReadWeightsFile(*flags.init_from);
    faults->Add(Annotate(weights.status(), "--init_from"));
    inputs.weights = weights.ok() ? *std::move(weights) : "";
    if (inputs.weights->empty()) return inputs;
    inputs.model_of_weights = faults->Take(ModelOfWeights(*inputs.weights, *flags.init_from));
    if (!inputs.model_of_weights.has_layers()) return inputs;
    inputs.vocabulary = {"--init_from=" + *flags.init_from,
                         faults->Take(SymbolsOfWeights(*inputs.weights, *flags.init_from)),
                         inputs.model_of_weights.vocabulary()};
    if (faults->status().ok()) {
      inputs.vocabulary->tokenizer =
          faults->Take(TokenizerOfWeights(*inputs.weights, *flags.init_from));
    }
    if (!flags.run.model.has_value()) *inputs.base.mutable_model() = inputs.model_of_weights;
  }
  return inputs;
}

absl::Status LoadTrainData(const TrainFlags& flags, TrainInputs* inputs) {
  ASSIGN_OR_RETURN(Corpus corpus, LoadData(DataOf(flags.run, inputs->base), &inputs->data));
  if (inputs->vocabulary.has_value()) {
    ASSIGN_OR_RETURN(corpus, InVocabularyOf(*inputs->vocabulary, std::move(corpus), inputs->data));
  }
  inputs->corpus = std::move(corpus);
  return absl::OkStatus();
}

absl::StatusOr<v1::RunConfig> ResolveTraining(const RunFlags& flags, const TrainInputs& inputs) {
  const DataVocabulary vocabulary = inputs.corpus.has_value() ? DataVocabulary(*inputs.corpus)
                                                              : DataVocabulary(kAssumedVocabulary);
  const std::string weights = inputs.vocabulary.has_value() ? inputs.vocabulary->origin : "";
  auto resolved = ResolveRun(flags, inputs.base, vocabulary);
  RETURN_IF_ERROR(ExplainHeads(resolved.status(), inputs.model_of_weights, weights));
  v1::RunConfig config = *std::move(resolved);
  config.set_data(inputs.data);
  if (inputs.weights.has_value() && inputs.corpus.has_value())
    RETURN_IF_ERROR(CheckWeightsFit(inputs.model_of_weights, weights, config.model()));
  if (inputs.corpus.has_value()) {
    RETURN_IF_ERROR(
        Annotate(inputs.corpus->CheckFits(config.model().sequence(), config.model().vocabulary()),
                 absl::StrCat("--data=", inputs.data)));
  }
  return config;
}

bool NothingToDo(const TrainFlags& flags, const TrainInputs& inputs, const v1::RunConfig& config) {
  const int steps = config.train().steps();
  if (!flags.resume.has_value() || inputs.done_steps < steps) return false;
  absl::FPrintF(stderr, "nothing to do: run %s has all %d steps%s\n", *flags.resume, steps,
                inputs.done_steps > steps
                    ? absl::StrCat(" (its newest checkpoint is of step ", inputs.done_steps, ")")
                    : "; --steps=N trains it further");
  return true;
}

v1::JobSpec TrainSpec(const TrainFlags& flags, const v1::RunConfig& config) {
  v1::JobSpec spec;
  *spec.mutable_config() = config;
  spec.mutable_train()->set_resume(flags.resume.has_value());
  if (flags.resume.has_value()) spec.set_weights_blob("run:" + *flags.resume);
  return spec;
}

JobBlobs TrainBlobs(const TrainInputs& inputs) {
  return {inputs.corpus, inputs.weights};
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

bool ReportCheckpoint(const v1::RunSummary& summary, const std::string& label) {
  if (summary.checkpoint_error().empty()) return true;
  absl::FPrintF(stderr,
                "%sthe run has finished, but its last checkpoint was not saved: %s\n"
                "%searlier checkpoints of run %s, if there are any, are complete\n",
                label, summary.checkpoint_error(), label, summary.run());
  return false;
}

}  // namespace edgetp
