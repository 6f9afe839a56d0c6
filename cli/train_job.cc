#include "cli/train_job.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/checkpoint.h"
#include "cli/command.h"
#include "common/base/status_macros.h"
#include "common/config/defaults.h"
#include "common/data/weights_file.h"
#include "common/plan/pattern.h"

namespace edgetp {

void AddTrainJobFlags(CLI::App* command, TrainFlags* flags) {
  AddModelFlags(command, &flags->run);
  AddTrainFlags(command, &flags->run);
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
  if (flags.resume.has_value()) {
    inputs.base = faults->Take(LoadRunConfig(flags.cluster.local.runs_directory, *flags.resume));
    inputs.base.clear_name();  // the continuation is a run of its own
    if (faults->status().ok()) {
      inputs.vocabulary = {"--resume=" + *flags.resume,
                           faults->Take(SymbolsOfRun(flags.cluster, *flags.resume)),
                           inputs.base.model().vocabulary()};
    }
  }
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
