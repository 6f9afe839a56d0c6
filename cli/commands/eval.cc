// edgetp eval: the exact loss of given weights under any pattern and world size.
#include <memory>
#include <utility>

#include "cli/shared/command.h"
#include "cli/shared/eval_job.h"
#include "cli/shared/model_text.h"
#include "cli/shared/report_tables.h"

namespace edgetp {
namespace {

constexpr char kEvalExamples[] = R"(Examples:
  edgetp eval --run=minigpt-sppp
  edgetp eval --weights=gpt2.safetensors --pattern='t*12' --workers=2 --data=folder-with-bins --windows=20)";

struct EvalFlags {
  WeightsFlags weights;
  std::optional<int> windows;
  OutputFormat format = OutputFormat::kTable;
};

ExitCode Run(const EvalFlags& flags) {
  auto inputs = PrepareEval(flags.weights);
  if (!inputs.ok()) return Report(inputs.status());
  const v1::JobSpec spec = EvalSpec(inputs->config, flags.windows);
  return RunSingleJob(flags.weights.cluster, spec, EvalBlobs(*std::move(inputs)),
                      ShowProgress::kYes, [&](const v1::JobResult& result) {
                        PrintResult(flags.format, result.eval(), EvalTable(result.eval()));
                        return kExitDone;
                      });
}

}  // namespace

void AddEval(CLI::App& app, Command* command) {
  auto flags = std::make_shared<EvalFlags>();
  CLI::App* eval =
      app.add_subcommand("eval", "The exact validation loss of a run or of a weights file");
  CLI::Option* run =
      eval->add_option("--run", flags->weights.of_run, "a run: its newest checkpoint");
  eval->add_option("--weights", flags->weights.weights,
                   "a safetensors file with GPT-2's names, or the index.json of a model in several")
      ->excludes(run);
  eval->add_option("--windows", flags->windows,
                   "of T tokens, from the start of the validation split; default: all")
      ->check(CLI::Range(1, 1 << 30));
  AddPatternFlags(eval, &flags->weights.run);
  AddModelFlags(eval, &flags->weights.run);
  AddDataFlag(eval, &flags->weights.run);
  AddTokenizerFilesFlag(eval, &flags->weights.tokenizer_files);
  AddNetworkFlag(eval, &flags->weights.run);
  AddCollectiveFlags(eval, &flags->weights.run);
  AddPresetFlags(eval, &flags->weights.run);
  AddFormatFlag(eval, &flags->format);
  AddClusterFlags(eval, &flags->weights.cluster);
  eval->footer(kEvalExamples);
  eval->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
