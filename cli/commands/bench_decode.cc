#include "cli/commands/bench_decode.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "cli/shared/job_series.h"
#include "cli/shared/run_options.h"
#include "cli/shared/sample_output.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/config/defaults.h"
#include "common/config/run_plans.h"
#include "common/simulate/decode_report.h"

namespace edgetp {
namespace {

constexpr char kBenchDecodeExamples[] = R"(Examples:
  edgetp bench decode --model=minigpt --workers=2 --network=wifi-5
  edgetp bench decode --model=gpt2 --pattern='(sppp)*3' --workers=2 --network=ethernet-1g --prompt_tokens=32 --tokens=64 --batch=1,4
  edgetp bench decode --model=gpt2 --workers=4 --network=wifi-5 --device=raspberry-pi-5
Weights and prompts are random, from --seed. `edgetp simulate --decode` predicts the same columns.)";

struct DecodeFlags {
  RunFlags run;
  ClusterFlags cluster;
  DecodeWork work;
  bool no_cache = false;
  std::vector<int> batches = {1};
  OutputFormat format = OutputFormat::kTable;
};

absl::StatusOr<v1::JobSpec> MakeJob(const DecodeFlags& flags, int batch) {
  RunFlags run = flags.run;
  run.batch = batch;
  run.micro_batches = 1;
  v1::JobSpec spec;
  ASSIGN_OR_RETURN(*spec.mutable_config(), ResolveRun(run, {}, kAssumedVocabulary));
  const v1::RunConfig& config = spec.config();
  v1::SampleTask* const sample = spec.mutable_sample();
  for (int row = 0; row < batch; ++row) {
    v1::SamplePrompt* const prompt = sample->add_prompts();
    for (int i = 0; i < flags.work.prompt_tokens; ++i)
      prompt->add_tokens(static_cast<int>(RandomBits(config.seed(), row, i) %
                                          static_cast<uint64_t>(config.model().vocabulary())));
  }
  sample->set_tokens(flags.work.tokens);
  sample->set_seed(config.seed());
  sample->set_cache(flags.work.cache);
  return spec;
}

absl::StatusOr<v1::DecodeRow> RowOf(const DecodeFlags& flags, const v1::RunConfig& config,
                                    const JobOutcome& outcome) {
  const v1::RunSummary& summary = *outcome.summary;
  v1::DecodeRow row;
  row.set_model(config.model().name());
  row.set_pattern(summary.pattern());
  row.set_workers(config.workers());
  row.set_network(summary.network());
  row.set_device(summary.device());
  row.set_prompt_tokens(flags.work.prompt_tokens);
  row.set_batch(config.train().batch());
  row.set_first_token_seconds(outcome.result->sample().first_token_seconds());
  row.set_token_seconds(summary.step_seconds().median());
  if (row.token_seconds() > 0) row.set_tokens_per_second(row.batch() / row.token_seconds());
  *row.mutable_breakdown_seconds() = summary.breakdown_seconds();
  row.set_communication_share(CommunicationShare(summary.breakdown_seconds()));
  row.set_bytes_per_token_per_rank(summary.bytes_on_the_wire_per_rank() / row.batch());
  *row.mutable_verdict() = summary.verdict();
  row.set_allreduce_algorithm(summary.allreduce_algorithm());
  ASSIGN_OR_RETURN(PlanOptions options, ToInferenceOptions(config));
  options.batch = row.batch();
  ASSIGN_OR_RETURN(const std::vector<v1::MemoryBytes> memory, DecodeMemory(options, flags.work));
  *row.mutable_memory_bytes_per_rank() = {memory.begin(), memory.end()};
  return row;
}

ExitCode RunAll(const DecodeFlags& flags, const std::vector<v1::JobSpec>& specs) {
  auto series = JobSeries::Open(flags.cluster, specs.front().config().workers(), {});
  if (!series.ok()) return Report(series.status());
  v1::DecodeReport report;
  for (const v1::JobSpec& spec : specs) {
    const auto outcome = series->Run(spec, [](const v1::RunEvent&) {});
    if (!outcome.ok()) return Report(outcome.status());
    if (!outcome->status.ok()) return ReportFailure(*outcome, series->cluster());
    if (!outcome->summary.has_value() || !outcome->result.has_value())
      return Report(absl::InternalError("bench decode: the server sent no result"));
    auto row = RowOf(flags, spec.config(), *outcome);
    if (!row.ok()) return Report(row.status());
    *report.add_rows() = *std::move(row);
  }
  PrintResult(flags.format, report, DecodeTable(report));
  return kExitDone;
}

ExitCode Run(DecodeFlags flags) {
  flags.work.cache = !flags.no_cache;
  Faults faults;
  std::vector<v1::JobSpec> specs;
  for (const int batch : flags.batches) specs.push_back(faults.Take(MakeJob(flags, batch)));
  if (!faults.status().ok()) return Report(faults.status());
  return RunAll(flags, specs);
}

}  // namespace

void AddBenchDecode(CLI::App* bench, Command* command) {
  auto flags = std::make_shared<DecodeFlags>();
  RunFlags* const run = &flags->run;
  CLI::App* decode = bench->add_subcommand(
      "decode", "Time of a token, made one by one with a key-value cache, by batch");
  decode->add_option("--model", run->model,
                     "model preset (configs/models) or file; default: minigpt");
  decode->add_option("--prompt_tokens", flags->work.prompt_tokens, "of each prompt")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  decode->add_option("--tokens", flags->work.tokens, "to make of each prompt")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  decode->add_option("--batch", flags->batches, "prompts continued together; separated by ','")
      ->delimiter(',')
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  decode->add_flag("--no_cache", flags->no_cache, "compute the whole context anew for each token");
  decode->add_option("--seed", run->seed, "of weights and prompts; default: 1337");
  AddPatternFlags(decode, run);
  AddParallelFlags(decode, run);
  AddCollectiveFlags(decode, run);
  AddNetworkFlag(decode, run);
  AddPresetFlags(decode, run);
  AddFormatFlag(decode, &flags->format);
  AddPacedClusterFlags(decode, &flags->cluster, &run->device);
  decode->footer(kBenchDecodeExamples);
  decode->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
