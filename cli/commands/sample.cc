// edgetp sample: text from a trained model.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/checkpoint.h"
#include "cli/shared/command.h"
#include "cli/shared/job_series.h"
#include "cli/shared/model_text.h"
#include "cli/shared/run_options.h"
#include "cli/shared/sample_output.h"
#include "common/base/status_macros.h"
#include "common/simulate/deadline.h"

namespace edgetp {
namespace {

constexpr char kSampleExamples[] = R"(Examples:
  edgetp sample --run=minigpt-sppp --prompt='ROMEO:' --tokens=500
  edgetp sample --run=minigpt-sppp --prompt='ROMEO:' --prompt='MORE' --temperature=0.8 --seed=7
  edgetp sample --run=minigpt-sppp --prompt='ROMEO:' --top_p=0.9 --stop='JULIET:' --network=wifi-5)";

struct SampleFlags {
  RunFlags run;
  ClusterFlags cluster;
  std::string of_run;
  std::string tokenizer_files;
  std::vector<std::string> prompts;
  std::string prompts_file;
  int tokens = 500;
  double temperature = 0.8;
  int top_k = 200;
  std::optional<double> top_p;
  std::vector<std::string> stop;
  uint64_t seed = 1337;
  bool no_cache = false;
  OutputFormat format = OutputFormat::kTable;
};

absl::StatusOr<std::vector<std::string>> ReadLines(const std::string& path) {
  std::ifstream file;
  if (path != "-") file.open(path);
  std::istream& lines = path == "-" ? std::cin : file;
  if (!lines) return absl::InvalidArgumentError("--prompts: cannot read " + path);
  std::vector<std::string> prompts;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) prompts.push_back(line);
  }
  if (prompts.empty()) return absl::InvalidArgumentError("--prompts: no prompt in " + path);
  return prompts;
}

// Those of --prompt, then those of the file; without any, a new line.
absl::StatusOr<std::vector<std::string>> PromptsOf(const SampleFlags& flags) {
  std::vector<std::string> prompts = flags.prompts;
  if (!flags.prompts_file.empty()) {
    ASSIGN_OR_RETURN(const std::vector<std::string> lines, ReadLines(flags.prompts_file));
    prompts.insert(prompts.end(), lines.begin(), lines.end());
  }
  if (prompts.empty()) prompts = {"\n"};
  return prompts;
}

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

absl::StatusOr<std::vector<int32_t>> TokensOf(const Tokenizer& tokenizer,
                                              const std::string& prompt) {
  auto tokens = tokenizer.Encode(prompt);
  RETURN_IF_ERROR(Annotate(tokens.status(), "--prompt"));
  if (tokens->empty()) return absl::InvalidArgumentError("--prompt: must not be empty");
  return tokens;
}

// That of the run, as it is to be sampled: a step is a token of each prompt, which is never cut.
absl::StatusOr<v1::RunConfig> ConfigOf(const SampleFlags& flags, v1::RunConfig of_run,
                                       size_t prompts) {
  ForgetDefaultDeadline(&of_run);
  of_run.mutable_train()->set_batch(static_cast<int>(prompts));
  of_run.mutable_train()->set_micro_batches(1);
  if (of_run.has_parallel()) of_run.mutable_parallel()->clear_overlap();
  ASSIGN_OR_RETURN(v1::RunConfig config, ResolveRun(flags.run, of_run, std::nullopt));
  config.clear_name();
  return config;
}

absl::StatusOr<v1::JobSpec> MakeJob(const SampleFlags& flags, const Checkpoint& checkpoint,
                                    const std::vector<std::string>& prompts) {
  ASSIGN_OR_RETURN(const auto tokenizer, LoadText(flags, checkpoint));
  v1::JobSpec spec;
  v1::SampleTask* sample = spec.mutable_sample();
  for (const std::string& prompt : prompts) {
    ASSIGN_OR_RETURN(const std::vector<int32_t> tokens, TokensOf(*tokenizer, prompt));
    *sample->add_prompts()->mutable_tokens() = {tokens.begin(), tokens.end()};
  }
  ASSIGN_OR_RETURN(*spec.mutable_config(), ConfigOf(flags, checkpoint.config, prompts.size()));
  const std::vector<std::string> texts = tokenizer->Texts();
  *sample->mutable_token_text() = {texts.begin(), texts.end()};
  sample->set_tokens(flags.tokens);
  sample->set_temperature(flags.temperature);
  sample->set_top_k(flags.top_k);
  if (flags.top_p.has_value()) sample->set_top_p(*flags.top_p);
  *sample->mutable_stop() = {flags.stop.begin(), flags.stop.end()};
  sample->set_seed(flags.seed);
  sample->set_cache(!flags.no_cache);
  return spec;
}

ExitCode Sample(const SampleFlags& flags, const v1::JobSpec& spec, WeightsFile weights,
                const std::vector<std::string>& prompts) {
  auto series = JobSeries::Open(flags.cluster, spec.config().workers(),
                                {.corpus = std::nullopt, .weights = std::move(weights)});
  if (!series.ok()) return Report(series.status());
  SampleOutput output(prompts);
  const bool streams = flags.format == OutputFormat::kTable;
  const auto outcome = series->Run(spec, [&](const v1::RunEvent& event) {
    if (streams && event.has_sample()) output.Show(event.sample());
  });
  if (!outcome.ok()) return Report(outcome.status());
  if (!outcome->status.ok()) {
    output.Abandon();
    return ReportFailure(*outcome, series->cluster());
  }
  if (!outcome->result.has_value())
    return Report(absl::InternalError("sample: the server sent no result"));
  const v1::SampleReport& report = outcome->result->sample();
  if (streams) {
    output.Finish(report);
  } else {
    PrintResult(flags.format, report, "");
  }
  const double predicted =
      outcome->summary.has_value() ? outcome->summary->predicted_step_seconds() : 0;
  absl::FPrintF(stderr, "%s\n", TimingText(report, predicted));
  return kExitDone;
}

ExitCode Run(const SampleFlags& flags) {
  const auto prompts = PromptsOf(flags);
  if (!prompts.ok()) return Report(prompts.status());
  auto checkpoint = LoadCheckpoint(flags.cluster, flags.of_run);
  if (!checkpoint.ok()) return Report(checkpoint.status());
  const auto spec = MakeJob(flags, *checkpoint, *prompts);
  if (!spec.ok()) return Report(spec.status());
  return Sample(flags, *spec, std::move(checkpoint->weights), *prompts);
}

void AddPromptFlags(CLI::App* sample, SampleFlags* flags) {
  sample
      ->add_option("--prompt", flags->prompts,
                   "what the text begins with; repeatable: all are continued together; default: a "
                   "new line")
      ->allow_extra_args(false);
  sample->add_option("--prompts", flags->prompts_file, "file with a prompt per line; -: stdin");
  sample->add_option("--tokens", flags->tokens, "how many to add")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  sample->add_option("--stop", flags->stop, "text that ends a continuation; repeatable")
      ->allow_extra_args(false);
  sample->add_flag("--no_cache", flags->no_cache,
                   "compute the whole context anew for each token, instead of keeping keys and "
                   "values");
}

}  // namespace

void AddSample(CLI::App& app, Command* command) {
  auto flags = std::make_shared<SampleFlags>();
  CLI::App* sample = app.add_subcommand("sample", "Text from a trained model");
  sample->add_option("--run", flags->of_run, "a run: its newest checkpoint")->required();
  AddPromptFlags(sample, flags.get());
  sample->add_option("--temperature", flags->temperature, "0: always the likeliest token")
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  sample->add_option("--top_k", flags->top_k, "choose among the N likeliest tokens")
      ->check(CLI::Range(1, 1 << 24))
      ->capture_default_str();
  sample
      ->add_option("--top_p", flags->top_p,
                   "and among the fewest of them with this much probability together; default: 1")
      ->check(CLI::Range(1e-9, 1.0));
  sample->add_option("--seed", flags->seed, "of the choice")->capture_default_str();
  AddTokenizerFilesFlag(sample, &flags->tokenizer_files);
  AddPatternFlags(sample, &flags->run);
  AddNetworkFlag(sample, &flags->run);
  AddPresetFlags(sample, &flags->run);
  AddFormatFlag(sample, &flags->format);
  AddPacedClusterFlags(sample, &flags->cluster, &flags->run.device);
  sample->footer(kSampleExamples);
  sample->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
