// Chooses the next tokens of several sequences at once: a batch of one token each, over the keys
// and values that attention has computed for the tokens before. torch-free, as trainer.h. A trainer
// makes it (Trainer::NewDecoder), and must outlive it; the same thread calls both.
//
// A sequence is a row of the cache. Begin computes a whole context, Append one more token. Contexts
// of different lengths are padded at the right: attention is causal, so no token looks at what
// follows it, and what the padding leaves in the cache is overwritten by the tokens that come
// there, before any of them looks.
//
// Every letter of a pattern works row by row but for attention, so blocks run as they do in an
// evaluation; keys and values are those of the rank's own stream. With a cache, results equal those
// without to rounding.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace edgetp {

struct DecoderOptions {
  int rows = 1;
  // Tokens of each row for which there is room, at most T; 0: nothing is kept, and every token
  // needs a Begin. Memory: 2 * L * rows * capacity * C/P float32.
  int capacity = 0;
};

class Decoder {
 public:
  virtual ~Decoder() = default;

  // Forgets what these rows had, and takes in a context for each, of 1 to T tokens (with a cache,
  // at most its capacity). All-reduces in the order of BuildDecodePlan, of as many new tokens as
  // the longest context has.
  // Shapes: rows, contexts (B) -> (B, V), logits of what follows each context; the same bits on all
  // ranks.
  // Errors: InvalidArgument (a row, a length, a token); those of the communicator.
  virtual absl::StatusOr<std::vector<float>> Begin(
      absl::Span<const int> rows, const std::vector<std::vector<int64_t>>& contexts) = 0;

  // Takes in one more token for each of these rows. All-reduces in the order of BuildDecodePlan, of
  // one new token.
  // Shapes: rows, tokens (B) -> (B, V).
  // Errors: as Begin; FailedPrecondition for a row without a context, or that is full.
  virtual absl::StatusOr<std::vector<float>> Append(absl::Span<const int> rows,
                                                    absl::Span<const int64_t> tokens) = 0;
};

}  // namespace edgetp
