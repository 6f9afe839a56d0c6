// Where the tokens of a run are read, window by window: a corpus in memory or on the disk
// (corpus.h), or files on the server's host (worker/job/remote_tokens.h). Training and evaluation
// know this alone.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace edgetp {

enum class Split { kTrain, kValidation };

// "training", "validation".
inline const char* NameOf(Split split) {
  return split == Split::kTrain ? "training" : "validation";
}

// A token that the model does not know.
inline absl::Status TokenOutside(Split split, int token, int64_t position, int vocabulary) {
  return absl::InvalidArgumentError(
      absl::StrCat("data: token ", token, " at position ", position, " of the ", NameOf(split),
                   " split is outside model.vocabulary=", vocabulary));
}

class TokenSource {
 public:
  virtual ~TokenSource() = default;

  // Tokens of a split.
  virtual int64_t size(Split split) const = 0;

  // `tokens` tokens from each of `starts` on, one window after the other. The windows must lie in
  // the split.
  // Blocks until: they are there. Thread-safe.
  // Errors: those of reaching the tokens; InvalidArgument naming the place of a token that is
  // outside the vocabulary, where nobody has looked before.
  virtual absl::StatusOr<std::vector<uint16_t>> ReadWindows(Split split,
                                                            absl::Span<const int64_t> starts,
                                                            int tokens) const = 0;

  // ReadWindows will soon ask for these, once each: whoever has them elsewhere may begin to fetch
  // them. Never blocks.
  virtual void Prefetch(Split split, std::vector<int64_t> starts, int tokens) const {}
};

// Whether both splits have a window of T tokens and its T targets.
// Errors: InvalidArgument naming the split, what it has and what it needs.
inline absl::Status CheckSplits(const TokenSource& source, int sequence) {
  for (const Split split : {Split::kTrain, Split::kValidation}) {
    if (source.size(split) > sequence) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("data: the ", NameOf(split), " split has ", source.size(split),
                     " tokens, but sequence=", sequence, " needs at least ", sequence + 1));
  }
  return absl::OkStatus();
}

}  // namespace edgetp
