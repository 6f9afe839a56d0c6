// edgetp export: a run's weights as Hugging Face's GPT-2 loader wants them, or its steps as a table.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/checkpoint.h"
#include "cli/shared/command.h"
#include "cli/shared/metrics_export.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/config/units.h"
#include "common/data/huggingface.h"
#include "common/plan/block_traits.h"
#include "common/plan/pattern.h"
#include "common/rpc/security_flags.h"
#include "common/rpc/signals.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

constexpr char kExportExamples[] = R"(Examples:
  edgetp export --run=minigpt-sppp --out=minigpt.safetensors
  edgetp export --run=gpt2-tttt --step=2000 --dtype=bf16 --out=gpt2-ours/
  edgetp export tttt sppp --metrics=csv --out=steps.csv
  edgetp export runs --metrics=jsonl --out=steps.jsonl
A RUN of --metrics may be a name, a directory, or a folder that stands for all runs in it.)";

constexpr char kWeightsExtension[] = ".safetensors";

struct Dtype {
  const char* word;
  ElementType type;
  const char* torch;
};
constexpr Dtype kDtypes[] = {{"fp32", ElementType::kFloat32, "float32"},
                             {"fp16", ElementType::kFloat16, "float16"},
                             {"bf16", ElementType::kBfloat16, "bfloat16"}};

struct ExportFlags {
  ClusterFlags cluster;  // of which the server and the runs directory count
  std::vector<std::string> runs;
  std::optional<std::string> out;
  std::optional<std::string> metrics;
  std::optional<int> step;
  std::string dtype = kDtypes[0].word;
};

const Dtype& DtypeOf(const std::string& word) {
  for (const Dtype& dtype : kDtypes) {
    if (word == dtype.word) return dtype;
  }
  return kDtypes[0];  // the parser has checked the word
}

// Where the weights go. A folder gets a config.json, too.
struct Target {
  fs::path weights;
  fs::path config;  // empty: none
};

absl::StatusOr<Target> TargetOf(const std::string& out) {
  std::error_code error;
  if (absl::EndsWith(out, kWeightsExtension) && !fs::is_directory(out, error))
    return Target{out, {}};
  if (fs::exists(out, error) && !fs::is_directory(out, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--out=", out, ": this is a file; a folder is wanted, or a name that ends in ",
                     kWeightsExtension));
  }
  fs::create_directories(out, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("--out: make folder ", out));
  return Target{fs::path(out) / "model.safetensors", fs::path(out) / "config.json"};
}

// What the checkpoint says that it was trained as; empty: nothing.
std::string PatternOf(const std::map<std::string, std::string>& metadata) {
  const auto found = metadata.find("edgetp.pattern");
  return found == metadata.end() ? "" : found->second;
}

// The weights of other letters are those of another model, which no loader knows.
void WarnOfPattern(const std::string& text, int layers) {
  const auto pattern = Pattern::Parse(text, layers);
  if (!pattern.ok()) return;  // of a file that does not say
  for (const PatternBlock& block : pattern->blocks()) {
    if (block.kind == BlockKind::kTensorParallel) continue;
    const BlockTraits& traits = TraitsOf(block.kind);
    absl::FPrintF(stderr,
                  "edgetp: notice: the run was trained as %s; whoever loads the file computes the "
                  "dense model (%s), which is another one (%c: %s): expect another loss\n",
                  pattern->Expanded(), std::string(layers, 't'), traits.letter, traits.changes);
    return;
  }
}

// Ends at a signal: a large file takes minutes.
ByteStream Interruptible(ByteStream stream) {
  return {stream.size, [send = std::move(stream.send)](const ByteSink& sink) {
            return send([&sink](absl::string_view bytes) {
              if (ShutdownSignal() != 0) return absl::CancelledError("interrupted");
              return sink(bytes);
            });
          }};
}

absl::Status CheckWeightsFlags(const ExportFlags& flags) {
  if (flags.runs.size() != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "export: weights are those of one run (got ", flags.runs.size(),
        "); --metrics=csv or --metrics=jsonl takes several"));
  }
  if (flags.out.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("export: weights need --out=FILE", kWeightsExtension,
                   " or --out=FOLDER; --metrics=csv or --metrics=jsonl go to stdout without it"));
}

absl::Status ExportWeights(const ExportFlags& flags) {
  RETURN_IF_ERROR(CheckWeightsFlags(flags));
  const std::string& run = flags.runs[0];
  ASSIGN_OR_RETURN(const Checkpoint checkpoint, LoadCheckpoint(flags.cluster, run, flags.step));
  StoredFile file = checkpoint.weights.content;
  const std::map<std::string, std::string> metadata = file.metadata;
  SplitOptimizerState(&file.tensors);
  auto model = OpenGpt2Weights(std::move(file));
  RETURN_IF_ERROR(Annotate(model.status(), absl::StrCat("run ", run)));
  const Dtype& dtype = DtypeOf(flags.dtype);
  ASSIGN_OR_RETURN(const ByteStream bytes,
                   StreamSafetensors(ForHuggingFace(*model, metadata), dtype.type));
  ASSIGN_OR_RETURN(const Target target, TargetOf(*flags.out));
  WarnOfPattern(PatternOf(metadata), model->shape.layers);
  RETURN_IF_ERROR(
      Annotate(WriteFileStream(target.weights.string(), Interruptible(bytes)), "--out"));
  if (!target.config.empty()) {
    RETURN_IF_ERROR(Annotate(
        WriteWholeFile(target.config.string(), HuggingFaceConfig(*model, dtype.torch)), "--out"));
  }
  const auto step = metadata.find("edgetp.step");
  absl::PrintF("%s: run %s, step %s, %s, %s\n", target.weights.string(), run,
               step == metadata.end() ? "unknown" : step->second, dtype.word,
               FormatBytes(static_cast<double>(bytes.size)));
  return absl::OkStatus();
}

absl::Status Export(const ExportFlags& flags) {
  if (!flags.metrics.has_value()) return ExportWeights(flags);
  return ExportMetrics(
      {.runs = flags.runs,
       .runs_directory = flags.cluster.local.runs_directory,
       .format = *flags.metrics == "csv" ? MetricsFormat::kCsv : MetricsFormat::kJsonl,
       .out = flags.out});
}

ExitCode Run(const ExportFlags& flags) {
  const absl::Status status = Export(flags);
  return status.ok() ? kExitDone : Report(status);
}

}  // namespace

void AddExport(CLI::App& app, Command* command) {
  auto flags = std::make_shared<ExportFlags>();
  CLI::App* exports = app.add_subcommand(
      "export",
      "A run's weights as a file that Hugging Face's GPT-2 loader reads, or runs' steps as a table");
  exports->add_option("RUN,--run", flags->runs, "a run: its newest checkpoint, or all its steps")
      ->required();
  CLI::Option* metrics =
      exports
          ->add_option("--metrics", flags->metrics,
                       "the steps of runs instead of weights, as csv or jsonl (docs/formats.md)")
          ->check(OneOf({"csv", "jsonl"}));
  exports->add_option("--step", flags->step, "the checkpoint after so many steps instead")
      ->check(CLI::Range(0, 1 << 30))
      ->excludes(metrics);
  exports->add_option(
      "--out", flags->out,
      "of weights: FILE.safetensors, or a folder, which gets model.safetensors and config.json; "
      "what is there is replaced. Of --metrics: a file; default: stdout");
  exports->add_option("--dtype", flags->dtype, "fp32, fp16 or bf16")
      ->check(OneOf({"fp32", "fp16", "bf16"}))
      ->capture_default_str()
      ->excludes(metrics);
  exports
      ->add_option("--server", flags->cluster.server.address,
                   "HOST:PORT of a running cluster that has the run's weights; default: look in "
                   "--runs")
      ->envname("EDGETP_SERVER");
  exports
      ->add_option("--runs", flags->cluster.local.runs_directory, "where run directories are kept")
      ->capture_default_str();
  AddSecurityFlags(exports, Role::kClient, &flags->cluster.server.security);
  exports->footer(kExportExamples);
  exports->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
