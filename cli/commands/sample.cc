// edgetp sample: text from a trained model.
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/shared/checkpoint.h"
#include "cli/shared/command.h"
#include "cli/shared/job_series.h"
#include "cli/shared/model_text.h"
#include "cli/shared/run_options.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

constexpr char kExamples[] = R"(Examples:
  edgetp sample --run=minigpt-sppp --prompt='ROMEO:' --tokens=500
  edgetp sample --run=minigpt-sppp --temperature=0.8 --top_k=20 --seed=7)";

struct SampleFlags {
  RunFlags run;
  ClusterFlags cluster;
  std::string of_run;
  std::string tokenizer_files;
  std::string prompt = "\n";
  int tokens = 500;
  double temperature = 0.8;
  int top_k = 200;
  uint64_t seed = 1337;
  OutputFormat format = OutputFormat::kTable;
};

// The tokenizer that speaks text with the model.
absl::StatusOr<std::unique_ptr<Tokenizer>> LoadText(const SampleFlags& flags,
                                                    const Checkpoint& checkpoint) {
  TokensOfWeights weights{"run " + flags.of_run};
  ASSIGN_OR_RETURN(weights.symbols, SymbolsOfWeights(checkpoint.weights, weights.origin));
  ASSIGN_OR_RETURN(weights.tokenizer, TokenizerOfWeights(checkpoint.weights, weights.origin));
  auto tokenizer = LoadTokenizerOf(weights, flags.tokenizer_files, checkpoint.config.data());
  RETURN_IF_ERROR(Annotate(tokenizer.status(), "sample"));
  return tokenizer;
}

absl::StatusOr<v1::JobSpec> MakeJob(const SampleFlags& flags, const Checkpoint& checkpoint) {
  ASSIGN_OR_RETURN(const auto tokenizer, LoadText(flags, checkpoint));
  const auto prompt = tokenizer->Encode(flags.prompt);
  RETURN_IF_ERROR(Annotate(prompt.status(), "--prompt"));
  if (prompt->empty()) return absl::InvalidArgumentError("--prompt: must not be empty");
  v1::JobSpec spec;
  ASSIGN_OR_RETURN(*spec.mutable_config(), ResolveRun(flags.run, checkpoint.config, std::nullopt));
  spec.mutable_config()->clear_name();
  v1::SampleTask* sample = spec.mutable_sample();
  for (const int token : *prompt) sample->add_prompt(token);
  const std::vector<std::string> texts = tokenizer->Texts();
  *sample->mutable_token_text() = {texts.begin(), texts.end()};
  sample->set_tokens(flags.tokens);
  sample->set_temperature(flags.temperature);
  sample->set_top_k(flags.top_k);
  sample->set_seed(flags.seed);
  return spec;
}

ExitCode Run(const SampleFlags& flags) {
  auto checkpoint = LoadCheckpoint(flags.cluster, flags.of_run);
  if (!checkpoint.ok()) return Report(checkpoint.status());
  const auto spec = MakeJob(flags, *checkpoint);
  if (!spec.ok()) return Report(spec.status());
  return RunSingleJob(flags.cluster, *spec, {.weights = std::move(checkpoint->weights)},
                      ShowProgress::kNo, [&](const v1::JobResult& result) {
                        PrintResult(flags.format, result.sample(), result.sample().text() + "\n");
                        return kExitDone;
                      });
}

}  // namespace

void AddSample(CLI::App& app, Command* command) {
  auto flags = std::make_shared<SampleFlags>();
  CLI::App* sample = app.add_subcommand("sample", "Text from a trained model");
  sample->add_option("--run", flags->of_run, "a run: its newest checkpoint")->required();
  sample->add_option("--prompt", flags->prompt, "what the text begins with; default: a new line");
  sample->add_option("--tokens", flags->tokens, "how many to add")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  sample->add_option("--temperature", flags->temperature, "0: always the likeliest token")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  sample->add_option("--top_k", flags->top_k, "choose among the N likeliest tokens")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  sample->add_option("--seed", flags->seed, "of the choice")->capture_default_str();
  AddTokenizerFilesFlag(sample, &flags->tokenizer_files);
  AddPatternFlags(sample, &flags->run);
  AddNetworkFlag(sample, &flags->run);
  AddPresetFlags(sample, &flags->run);
  AddFormatFlag(sample, &flags->format);
  AddClusterFlags(sample, &flags->cluster);
  sample->footer(kExamples);
  sample->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
