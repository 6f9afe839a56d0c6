#include "cli/shared/eval_job.h"

#include <utility>

#include "cli/shared/model_text.h"
#include "common/base/status_macros.h"
#include "common/config/defaults.h"
#include "common/data/weights_file.h"

namespace edgetp {
namespace {

absl::StatusOr<Checkpoint> LoadWeights(const WeightsFlags& flags) {
  if (!flags.of_run.empty()) return LoadCheckpoint(flags.cluster, flags.of_run);
  if (flags.weights.empty())
    return absl::InvalidArgumentError("eval: --run=NAME or --weights=FILE is needed");
  Checkpoint checkpoint;
  auto weights = OpenWeightsFile(flags.weights);
  RETURN_IF_ERROR(Annotate(weights.status(), "--weights"));
  checkpoint.weights = *std::move(weights);
  ASSIGN_OR_RETURN(*checkpoint.config.mutable_model(),
                   ModelOfWeights(checkpoint.weights, flags.weights));
  return checkpoint;
}

// The data in the vocabulary of the weights.
absl::StatusOr<Corpus> LoadCorpus(const WeightsFlags& flags, const Checkpoint& checkpoint,
                                  const std::string& weights, std::string* origin) {
  ASSIGN_OR_RETURN(Corpus corpus, LoadData(DataOf(flags.run, checkpoint.config), origin));
  ASSIGN_OR_RETURN(auto symbols, SymbolsOfWeights(checkpoint.weights, weights));
  ASSIGN_OR_RETURN(TokenizerId tokenizer, TokenizerOfWeights(checkpoint.weights, weights));
  const bool text = !corpus.symbols().empty();
  if (text && symbols.empty() && (tokenizer.known() || !flags.tokenizer_files.empty())) {
    ASSIGN_OR_RETURN(const auto loaded,
                     LoadTokenizerOf({weights, symbols, tokenizer}, flags.tokenizer_files,
                                     checkpoint.config.data()));
    return EncodeCorpus(corpus, *loaded);
  }
  const int tokens = checkpoint.config.model().vocabulary();
  return InVocabularyOf({weights, std::move(symbols), tokens, std::move(tokenizer)},
                        std::move(corpus), *origin);
}

}  // namespace

absl::StatusOr<EvalInputs> PrepareEval(const WeightsFlags& flags) {
  EvalInputs inputs;
  ASSIGN_OR_RETURN(inputs.checkpoint, LoadWeights(flags));
  const v1::RunConfig& base = inputs.checkpoint.config;
  const std::string weights =
      flags.of_run.empty() ? "--weights=" + flags.weights : "--run=" + flags.of_run;
  // Twice: first without the data, which may have to be downloaded.
  RETURN_IF_ERROR(ExplainHeads(ResolveRun(flags.run, base, kAssumedVocabulary).status(),
                               base.model(), weights));
  std::string origin;
  ASSIGN_OR_RETURN(inputs.corpus, LoadCorpus(flags, inputs.checkpoint, weights, &origin));
  ASSIGN_OR_RETURN(inputs.config, ResolveRun(flags.run, base, DataVocabulary(*inputs.corpus)));
  RETURN_IF_ERROR(CheckWeightsFit(base.model(), weights, inputs.config.model()));
  inputs.config.clear_name();
  inputs.config.set_data(origin);
  RETURN_IF_ERROR(Annotate(inputs.corpus->CheckFits(inputs.config.model().sequence(),
                                                    inputs.config.model().vocabulary()),
                           "--data=" + origin));
  return inputs;
}

v1::JobSpec EvalSpec(const v1::RunConfig& config, std::optional<int> windows) {
  v1::JobSpec spec;
  *spec.mutable_config() = config;
  v1::EvalTask* eval = spec.mutable_eval();
  if (windows.has_value()) eval->set_windows(*windows);
  return spec;
}

JobBlobs EvalBlobs(EvalInputs inputs) {
  return {std::move(inputs.corpus), std::move(inputs.checkpoint.weights)};
}

}  // namespace edgetp
