// edgetp prepare: texts become a folder of tokens that trains.
#include "common/data/prepare.h"

#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "cli/shared/command.h"
#include "cli/shared/progress.h"
#include "cli/shared/table.h"
#include "common/config/units.h"
#include "common/data/tokenizer_id.h"
#include "common/rpc/signals.h"

namespace edgetp {
namespace {

constexpr char kPrepareExamples[] = R"(Examples:
  edgetp prepare my.txt --tokenizer=chars --out=my-corpus
  edgetp prepare my.txt texts --tokenizer=gpt2 --tokenizer_files=gpt2-files --out=my-tokens --validation=0.01)";

struct PrepareFlags {
  PrepareOptions options;
  OutputFormat format = OutputFormat::kTable;
};

// One row for each split.
std::string PrepareTable(const CorpusManifest& manifest, const std::string& out) {
  Table table({{"split", Align::kLeft}, {"file", Align::kLeft}, {"tokens"}, {"bytes"}});
  const std::tuple<const char*, const char*, int64_t> splits[] = {
      {"training", kTrainFile, manifest.train_tokens},
      {"validation", kValidationFile, manifest.validation_tokens}};
  for (const auto& [split, file, tokens] : splits) {
    table.AddRow({split, absl::StrCat(out, "/", file), absl::StrCat(tokens),
                  FormatBytes(static_cast<double>(2 * tokens))});
  }
  return absl::StrCat(table.Render(), "tokenizer ", manifest.tokenizer.name, ", vocabulary ",
                      manifest.vocabulary, ", ", manifest.documents,
                      manifest.documents == 1 ? " document, " : " documents, ", manifest.characters,
                      " characters\n");
}

ExitCode Run(const PrepareFlags& flags) {
  absl::StatusOr<CorpusManifest> manifest = absl::UnknownError("");
  {
    Progress progress("", v1::RunConfig());
    const auto show = [&](const char* activity, int64_t done, int64_t total) -> absl::Status {
      if (ShutdownSignal() != 0) return absl::CancelledError("interrupted");
      v1::RunEvent event;
      event.mutable_progress()->set_activity(activity);
      event.mutable_progress()->set_done(static_cast<double>(done));
      event.mutable_progress()->set_total(static_cast<double>(total));
      event.mutable_progress()->set_unit("bytes");
      progress.Show(event);
      return absl::OkStatus();
    };
    manifest = PrepareCorpus(flags.options, show);
  }
  if (!manifest.ok()) return Report(manifest.status());
  Print(flags.format == OutputFormat::kJson ? ToJson(*manifest)
                                            : PrepareTable(*manifest, flags.options.out));
  return kExitDone;
}

}  // namespace

void AddPrepare(CLI::App& app, Command* command) {
  auto flags = std::make_shared<PrepareFlags>();
  PrepareOptions& options = flags->options;
  CLI::App* prepare = app.add_subcommand("prepare", "Make tokens of texts, once, to train on them");
  prepare
      ->add_option(
          "TEXT", options.texts,
          "UTF-8 texts, JSON lines (.jsonl, .ndjson: the key \"text\"), and folders of both")
      ->required();
  prepare
      ->add_option("--tokenizer", options.tokenizer,
                   "gpt2: byte-pair encoding with GPT-2's tables; chars: a token per character")
      ->check(OneOf({kGpt2Tokenizer, kCharsTokenizer}))
      ->required();
  prepare->add_option(
      "--tokenizer_files", options.tokenizer_files,
      "folder with GPT-2's vocab.json and merges.txt, or encoder.json and vocab.bpe");
  prepare->add_option("--out", options.out, "folder to write: train.bin, val.bin, corpus.json")
      ->required();
  prepare
      ->add_option("--validation", options.validation,
                   "share of the text that validates: whole documents, where there are many")
      ->capture_default_str();
  AddFormatFlag(prepare, &flags->format);
  prepare->footer(kPrepareExamples);
  prepare->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
