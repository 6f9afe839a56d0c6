// edgetp bench: how long an all-reduce takes through the whole production path, or a token
// (bench_decode).
#include <memory>

#include "absl/strings/str_cat.h"
#include "cli/commands/bench_decode.h"
#include "cli/shared/command.h"
#include "cli/shared/job_series.h"
#include "cli/shared/report_tables.h"
#include "cli/shared/run_options.h"
#include "common/base/status_macros.h"
#include "common/collective/registry.h"
#include "common/simulate/deadline.h"

namespace edgetp {
namespace {

constexpr char kBenchExamples[] = R"(Examples:
  edgetp bench allreduce --workers=2 --bytes=4KiB,384KiB,36MiB
  edgetp bench allreduce --workers=4 --bytes=384KiB --allreduce=direct,two_phase,ring --network=ethernet-1g
  edgetp bench allreduce --workers=2 --bytes=384KiB --wire=int8)";

constexpr int kWarmup = 10;  // rounds at most; connections and caches settle within a few

struct BenchFlags {
  RunFlags run;
  ClusterFlags cluster;
  std::vector<std::string> bytes = {"4KiB", "384KiB", "36MiB"};
  std::vector<std::string> algorithms = {"auto"};
  std::optional<int> iterations;
  OutputFormat format = OutputFormat::kTable;
};

// A benchmark has no model: the smallest one that so many workers can share.
v1::RunConfig SmallestModel(int workers) {
  v1::RunConfig config;
  v1::ModelConfig* model = config.mutable_model();
  model->set_name("none");
  model->set_layers(1);
  model->set_heads(workers);
  model->set_channels(workers);
  model->set_sequence(1);
  model->set_vocabulary(2);
  return config;
}

// The algorithms are not the config's: it has one.
absl::Status CheckFormats(const v1::RunConfig& config, const std::vector<std::string>& algorithms) {
  ASSIGN_OR_RETURN(const WireFormat wire, WireFormat::Parse(config.collective().wire_forward()));
  for (const std::string& name : algorithms) {
    if (name == "auto") continue;
    ASSIGN_OR_RETURN(const Algorithm* algorithm, FindAlgorithm(name));
    RETURN_IF_ERROR(Annotate(CheckFormat(*algorithm, wire), "--allreduce"));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::JobSpec> MakeJob(const BenchFlags& flags) {
  Faults faults;
  v1::JobSpec spec;
  v1::BenchTask* bench = spec.mutable_bench();
  for (const std::string& size : flags.bytes)
    bench->add_bytes(faults.Take(ParseAllReduceBytes(size)));
  for (const std::string& algorithm : flags.algorithms) bench->add_algorithms(algorithm);
  bench->set_warmup(kWarmup);
  if (flags.iterations.has_value()) bench->set_iterations(*flags.iterations);
  RunFlags run = flags.run;
  run.settles_deadline = false;  // the sizes do, not the model
  v1::RunConfig& config = *spec.mutable_config();
  config = faults.Take(ResolveRun(run, SmallestModel(run.workers.value_or(2)), std::nullopt));
  RETURN_IF_ERROR(faults.status());
  RETURN_IF_ERROR(CheckFormats(config, flags.algorithms));
  if (!config.has_network()) return spec;
  ASSIGN_OR_RETURN(
      const CollectiveNeeds needs,
      NeedsOfAllReduces(config, {bench->bytes().begin(), bench->bytes().end()}, flags.algorithms));
  RETURN_IF_ERROR(ResolveDeadline(needs, &config));
  return spec;
}

ExitCode Run(const BenchFlags& flags) {
  const auto spec = MakeJob(flags);
  if (!spec.ok()) return Report(spec.status());
  return RunSingleJob(flags.cluster, *spec, {}, ShowProgress::kNo, [&](const auto& result) {
    PrintResult(flags.format, result.bench(), BenchTable(result.bench()));
    return kExitDone;
  });
}

}  // namespace

void AddBench(CLI::App& app, Command* command) {
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* bench = app.add_subcommand("bench", "Measure a part of the production path");
  bench->require_subcommand(1);
  AddBenchDecode(bench, command);
  CLI::App* allreduce =
      bench->add_subcommand("allreduce", "Time of an all-reduce by size and algorithm");
  allreduce->add_option("--workers", flags->run.workers, "world size; default: 2");
  allreduce->add_option("--bytes", flags->bytes, "sizes of the float32 buffer, separated by ','")
      ->delimiter(',')
      ->capture_default_str();
  allreduce->add_option("--allreduce", flags->algorithms, "algorithms, separated by ','")
      ->delimiter(',')
      ->check(OneOf(AlgorithmChoices()))
      ->capture_default_str();
  allreduce
      ->add_option(
          "--iterations", flags->iterations,
          "rounds per row; default: until the median is known to 2 %, for at most about 10 s")
      ->check(CLI::Range(1, 1000000));
  allreduce->add_option(
      "--deadline", flags->run.deadline,
      "limit of one all-reduce, e.g. 5s; default: what size and network need, at least 30s");
  allreduce->add_option("--config_path", flags->run.config_path,
                        "folders to search for presets, separated by ':'");
  AddNetworkFlag(allreduce, &flags->run);
  AddSliceFlag(allreduce, &flags->run);
  AddWireFlags(allreduce, &flags->run);
  AddFormatFlag(allreduce, &flags->format);
  AddClusterFlags(allreduce, &flags->cluster);
  allreduce->footer(kBenchExamples);
  allreduce->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
