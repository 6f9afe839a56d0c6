#include "cli/shared/train_job.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/checkpoint.h"
#include "cli/shared/command.h"
#include "common/base/status_macros.h"
#include "common/config/defaults.h"
#include "common/config/load.h"
#include "common/config/schedule.h"
#include "common/data/weights_file.h"
#include "common/plan/pattern.h"
#include "common/rpc/digest.h"
#include "common/simulate/deadline.h"

namespace edgetp {

namespace {

// What weights say of their tokens.
void ReadVocabulary(const WeightsFile& weights, const std::string& origin, Faults* faults,
                    WeightsVocabulary* vocabulary) {
  vocabulary->symbols = faults->Take(SymbolsOfWeights(weights, origin));
  // What is wrong with them is said once.
  if (faults->status().ok())
    vocabulary->tokenizer = faults->Take(TokenizerOfWeights(weights, origin));
}

void LoadCheckpointToResume(const TrainFlags& flags, Faults* faults, TrainInputs* inputs) {
  const auto newest = FindCheckpoint(flags.cluster.local.runs_directory, *flags.resume);
  // The cluster's server may have a checkpoint where this host sees none.
  if (!newest.ok() && flags.cluster.server.address.empty()) return faults->Add(newest.status());
  if (newest.ok()) {
    inputs->done_steps = newest->manifest.step;
    inputs->corpus_of_base = newest->manifest.corpus;
  }
  const auto weights = newest.ok() ? OpenWeightsFile(newest->path)
                                   : OpenCheckpoint(flags.cluster, *flags.resume);
  inputs->vocabulary = {"--resume=" + *flags.resume, {}, inputs->base.model().vocabulary(), {}};
  if (!weights.ok()) return faults->Add(weights.status());
  ReadVocabulary(*weights, newest.ok() ? newest->path : "run " + *flags.resume, faults,
                 &*inputs->vocabulary);
}

bool IsSameRun(const TrainFlags& flags) {
  return flags.resume.has_value() && flags.run.run == flags.resume;
}

absl::StatusOr<bool> IsSameCorpus(const Corpus& corpus, const std::string& id) {
  ASSIGN_OR_RETURN(const std::string own, corpus.Id());
  if (own == id || corpus.folder() == nullptr) return own == id;
  // A server that could not read the folder has got its tokens.
  ASSIGN_OR_RETURN(const std::string of_tokens, BlobIdOf(corpus.Bytes()));
  return of_tokens == id;
}

// What a run goes on with must be what it was trained on, unless somebody has asked for another
// corpus for a run of its own.
absl::Status CheckSameCorpus(const TrainFlags& flags, const TrainInputs& inputs) {
  if (inputs.corpus_of_base.empty() || !inputs.corpus.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const bool same, IsSameCorpus(*inputs.corpus, inputs.corpus_of_base));
  if (same) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string corpus, inputs.corpus->Id());
  const std::string what =
      absl::StrCat("--resume=", *flags.resume, ": the run was trained on another corpus than ",
                   inputs.data, " is now (was ", inputs.corpus_of_base, ", is ", corpus, ")");
  const bool asked = flags.run.data != RunFlags().data;
  if (IsSameRun(flags) || !asked) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, ": --data=FILE with another --run, or --init_from, trains on with it"));
  }
  absl::FPrintF(stderr, "note: %s\n", what);
  return absl::OkStatus();
}

// What a run to resume leaves to its continuation.
void LoadRunToResume(const TrainFlags& flags, Faults* faults, TrainInputs* inputs) {
  const std::string& runs = flags.cluster.local.runs_directory;
  inputs->base = faults->Take(LoadRunConfig(runs, *flags.resume));
  inputs->base.clear_name();
  ForgetDefaultDeadline(&inputs->base);
  if (faults->status().ok()) LoadCheckpointToResume(flags, faults, inputs);
  ForgetDefaultDecay(inputs->base.mutable_train());
}

// Where the text is: what was typed, else what the preset says, else what the run to resume took.
absl::StatusOr<std::string> DataOfTraining(const TrainFlags& flags, const TrainInputs& inputs) {
  v1::RunConfig base = inputs.base;
  if (flags.run.config.has_value()) {
    const ConfigLibrary library = ConfigLibrary::Default(flags.run.config_path);
    ASSIGN_OR_RETURN(const v1::RunConfig preset, library.Run(*flags.run.config));
    const bool says_which = preset.has_data() && preset.data() != RunFlags().data;  // auto
    if (says_which) base.set_data(preset.data());
  }
  return DataOf(flags.run, base);
}

}  // namespace

void AddTrainJobFlags(CLI::App* command, TrainFlags* flags) {
  AddModelFlags(command, &flags->run);
  AddParallelFlags(command, &flags->run);
  AddMemoryFlags(command, &flags->run);
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
    absl::StatusOr<WeightsFile> weights = OpenWeightsFile(*flags.init_from);
    faults->Add(Annotate(weights.status(), "--init_from"));
    if (!weights.ok()) return inputs;
    inputs.weights = *std::move(weights);
    inputs.model_of_weights = faults->Take(ModelOfWeights(*inputs.weights, *flags.init_from));
    if (!inputs.model_of_weights.has_layers()) return inputs;
    inputs.vocabulary = {
        "--init_from=" + *flags.init_from, {}, inputs.model_of_weights.vocabulary(), {}};
    ReadVocabulary(*inputs.weights, *flags.init_from, faults, &*inputs.vocabulary);
    if (!flags.run.model.has_value()) *inputs.base.mutable_model() = inputs.model_of_weights;
  }
  return inputs;
}

absl::Status LoadTrainData(const TrainFlags& flags, TrainInputs* inputs) {
  ASSIGN_OR_RETURN(const std::string data, DataOfTraining(flags, *inputs));
  ASSIGN_OR_RETURN(Corpus corpus, LoadData(data, &inputs->data));
  if (inputs->vocabulary.has_value()) {
    ASSIGN_OR_RETURN(corpus, InVocabularyOf(*inputs->vocabulary, std::move(corpus), inputs->data));
  }
  inputs->corpus = std::move(corpus);
  return CheckSameCorpus(flags, *inputs);
}

absl::StatusOr<v1::RunConfig> ResolveTraining(const RunFlags& flags, const TrainInputs& inputs) {
  const DataVocabulary vocabulary = inputs.corpus.has_value() ? DataVocabulary(*inputs.corpus)
                                                              : DataVocabulary(kAssumedVocabulary);
  const std::string weights = inputs.vocabulary.has_value() ? inputs.vocabulary->origin : "";
  auto resolved = ResolveRun(flags, inputs.base, vocabulary);
  RETURN_IF_ERROR(ExplainHeads(resolved.status(), inputs.model_of_weights, weights));
  v1::RunConfig config = *std::move(resolved);
  config.set_data(inputs.data);
  if (inputs.base.has_model() && !weights.empty() && !inputs.weights.has_value())
    RETURN_IF_ERROR(CheckWeightsFit(inputs.base.model(), weights, config.model()));
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
  spec.mutable_train()->set_same_run(IsSameRun(flags));
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
