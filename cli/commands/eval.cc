// edgetp eval: the exact loss of given weights under any pattern and world size.
#include <memory>
#include <utility>

#include "cli/shared/checkpoint.h"
#include "cli/shared/cluster.h"
#include "cli/shared/command.h"
#include "cli/shared/job.h"
#include "cli/shared/progress.h"
#include "cli/shared/report_tables.h"
#include "cli/shared/run_options.h"
#include "common/base/status_macros.h"
#include "common/config/defaults.h"
#include "common/data/weights_file.h"

namespace edgetp {
namespace {

constexpr char kExamples[] = R"(Examples:
  edgetp eval --run=minigpt-sppp
  edgetp eval --weights=gpt2.safetensors --pattern='t*12' --workers=2 --data=folder-with-bins --windows=20)";

struct EvalFlags {
  RunFlags run;
  ClusterFlags cluster;
  std::string of_run;
  std::string weights;
  std::optional<int> windows;
  OutputFormat format = OutputFormat::kTable;
};

struct EvalInputs {
  Checkpoint checkpoint;
  std::optional<Corpus> corpus;
  v1::RunConfig config;
};

absl::StatusOr<Checkpoint> LoadWeights(const EvalFlags& flags) {
  if (!flags.of_run.empty()) return LoadCheckpoint(flags.cluster, flags.of_run);
  if (flags.weights.empty())
    return absl::InvalidArgumentError("eval: --run=NAME or --weights=FILE is needed");
  Checkpoint checkpoint;
  auto weights = ReadWeightsFile(flags.weights);
  RETURN_IF_ERROR(Annotate(weights.status(), "--weights"));
  checkpoint.weights = *std::move(weights);
  ASSIGN_OR_RETURN(*checkpoint.config.mutable_model(),
                   ModelOfWeights(checkpoint.weights, flags.weights));
  return checkpoint;
}

// The data in the vocabulary of the weights.
absl::StatusOr<Corpus> LoadCorpus(const EvalFlags& flags, const Checkpoint& checkpoint,
                                  const std::string& weights, std::string* origin) {
  ASSIGN_OR_RETURN(Corpus corpus, LoadData(DataOf(flags.run, checkpoint.config), origin));
  ASSIGN_OR_RETURN(auto symbols, SymbolsOfWeights(checkpoint.weights, weights));
  const int tokens = checkpoint.config.model().vocabulary();
  return InVocabularyOf({weights, std::move(symbols), tokens}, std::move(corpus), *origin);
}

absl::StatusOr<EvalInputs> Prepare(const EvalFlags& flags) {
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

absl::StatusOr<JobOutcome> Evaluate(const EvalFlags& flags, const EvalInputs& inputs,
                                    Cluster& cluster) {
  v1::JobSpec spec;
  *spec.mutable_config() = inputs.config;
  ASSIGN_OR_RETURN(*spec.mutable_corpus_blob(),
                   cluster.remote().PutBlob(inputs.corpus->Serialize()));
  ASSIGN_OR_RETURN(*spec.mutable_weights_blob(),
                   cluster.remote().PutBlob(inputs.checkpoint.weights));
  v1::EvalTask* eval = spec.mutable_eval();
  if (flags.windows.has_value()) eval->set_windows(*flags.windows);
  Progress progress("", v1::RunConfig());
  return RunJob(cluster.remote(), spec, cluster.local(),
                [&](const v1::RunEvent& event) { progress.Show(event); });
}

ExitCode Run(const EvalFlags& flags) {
  const auto inputs = Prepare(flags);
  if (!inputs.ok()) return Report(inputs.status());
  auto cluster = Cluster::Open(flags.cluster, inputs->config.workers());
  if (!cluster.ok()) return Report(cluster.status());
  const auto outcome = Evaluate(flags, *inputs, *cluster);
  if (!outcome.ok()) return Report(outcome.status());
  if (!outcome->status.ok()) return ReportFailure(*outcome, *cluster);
  PrintResult(flags.format, outcome->result->eval(), EvalTable(outcome->result->eval()));
  return kExitDone;
}

}  // namespace

void AddEval(CLI::App& app, Command* command) {
  auto flags = std::make_shared<EvalFlags>();
  CLI::App* eval =
      app.add_subcommand("eval", "The exact validation loss of a run or of a weights file");
  CLI::Option* run = eval->add_option("--run", flags->of_run, "a run: its newest checkpoint");
  eval->add_option("--weights", flags->weights,
                   "a safetensors file with GPT-2's names, or the index.json of a model in several")
      ->excludes(run);
  eval->add_option("--windows", flags->windows,
                   "of T tokens, from the start of the validation split; default: all")
      ->check(CLI::Range(1, 1 << 30));
  AddPatternFlags(eval, &flags->run);
  AddModelFlags(eval, &flags->run);
  AddDataFlag(eval, &flags->run);
  AddNetworkFlag(eval, &flags->run);
  AddCollectiveFlags(eval, &flags->run);
  AddPresetFlags(eval, &flags->run);
  AddFormatFlag(eval, &flags->format);
  AddClusterFlags(eval, &flags->cluster);
  eval->footer(kExamples);
  eval->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
