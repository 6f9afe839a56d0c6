#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/run_options.h"
#include "common/base/status_macros.h"
#include "common/data/resolve.h"

namespace edgetp {
namespace {

constexpr char kAuto[] = "auto";

}  // namespace

std::string DataOf(const RunFlags& flags, const v1::RunConfig& base) {
  return flags.data == kAuto && base.has_data() ? base.data() : flags.data;
}

absl::StatusOr<Corpus> LoadData(const std::string& data, std::string* origin) {
  const DataSources sources = DefaultDataSources();
  // The origin of a download is its URL: a run that goes on with it looks for the same text.
  const bool same_text = data == sources.url;
  auto resolved = ResolveData(same_text ? kAuto : data, sources);
  if (!resolved.ok()) return Annotate(resolved.status(), absl::StrCat("--data=", data));
  if (!resolved->notice.empty()) absl::FPrintF(stderr, "edgetp: %s\n", resolved->notice);
  *origin = resolved->origin;
  return std::move(resolved->corpus);
}

absl::StatusOr<Corpus> InVocabularyOf(const WeightsVocabulary& weights, Corpus corpus,
                                      const std::string& origin) {
  const bool text = !corpus.symbols().empty();
  // Characters are numbered anew; what is tokens already must be those of the weights.
  const bool renumbers = text && !weights.symbols.empty();
  if (!renumbers) {
    RETURN_IF_ERROR(CheckSameTokenizer(corpus.tokenizer(), absl::StrCat("--data=", origin),
                                       weights.tokenizer, weights.origin));
  }
  if (renumbers) {
    auto renumbered = corpus.InVocabulary(weights.symbols);
    if (renumbered.ok()) return renumbered;
    return Annotate(renumbered.status(),
                    absl::StrCat("--data=", origin, " in the vocabulary of ", weights.origin));
  }
  if (weights.tokenizer.known() && corpus.tokenizer() == weights.tokenizer) return corpus;
  if (text) {
    absl::FPrintF(stderr,
                  "edgetp: %s carries no vocabulary for its %d tokens: the %d characters of %s are "
                  "numbered in Unicode's order. Losses mean something only if the weights were "
                  "trained so.\n",
                  weights.origin, weights.tokens, corpus.vocabulary(), origin);
  } else if (!weights.symbols.empty()) {
    absl::FPrintF(stderr,
                  "edgetp: %s was trained on %d characters, and %s holds tokens: they are taken as "
                  "numbers of that vocabulary.\n",
                  weights.origin, weights.symbols.size(), origin);
  }
  return corpus;
}

}  // namespace edgetp
