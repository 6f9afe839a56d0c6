// What a command needs to speak text with a model: the tokenizer that its weights name.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/corpus.h"
#include "common/data/tokenizer.h"

namespace edgetp {

// --tokenizer_files
void AddTokenizerFilesFlag(CLI::App* command, std::string* files);

// What weights say of their tokens.
struct TokensOfWeights {
  std::string origin;                // "run NAME", for messages
  std::vector<std::string> symbols;  // of each token; empty: they carry none
  TokenizerId tokenizer;             // may be unknown
};

// `files`: --tokenizer_files, may be empty; `data`: where the run's corpus was, which has them
// where `edgetp prepare` wrote it. Errors: InvalidArgument if nobody knows the tokenizer, or the
// files are those of another one; NotFound saying where it was looked for; those of
// LoadGpt2Tokenizer.
absl::StatusOr<std::unique_ptr<Tokenizer>> LoadTokenizerOf(const TokensOfWeights& weights,
                                                           const std::string& files,
                                                           const std::string& data);

// A text corpus as the tokens of another tokenizer: each split by itself.
// Errors: those of Tokenizer::Encode; FailedPrecondition without symbols.
absl::StatusOr<Corpus> EncodeCorpus(const Corpus& text, const Tokenizer& tokenizer);

}  // namespace edgetp
