// Texts become a folder that trains: nanoGPT's train.bin and val.bin, what the tokenizer needs to
// speak text again, and a manifest. Reads everything twice: first it checks and counts, then it
// writes. Takes little memory, however long the texts are.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/data/corpus_manifest.h"

namespace edgetp {

struct PrepareOptions {
  std::vector<std::string> texts;  // files and folders (FindTexts)
  std::string tokenizer;           // kGpt2Tokenizer, kCharsTokenizer
  std::string tokenizer_files;     // folder with the tables of gpt2
  std::string out;                 // folder
  double validation = 0.1;         // share of the text, in (0, 1)
};

// Told what is done and how far it is, often. An error ends the work with it, and nothing is left.
using PrepareProgress =
    std::function<absl::Status(const char* activity, int64_t done_bytes, int64_t total_bytes)>;

// Where there are many documents, so that the share of them is 20 or more, whole ones validate,
// spread evenly over all; else the last characters of all do, as in nanoGPT. Several documents are
// separated: each ends with the tokenizer's separator.
// Blocks until: the folder is there.
// Errors: InvalidArgument, NotFound naming option, file, and byte or line; AlreadyExists: the
// folder has what edgetp did not write; ResourceExhausted: the disk is full; DataLoss: a text
// changed meanwhile; those of `progress`.
absl::StatusOr<CorpusManifest> PrepareCorpus(const PrepareOptions& options,
                                             const PrepareProgress& progress);

}  // namespace edgetp
