// Which tokens a step trains on and an evaluation reads: pure functions of the corpus and of where
// the run is, so that every worker makes the same batches by itself.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/data/token_batch.h"
#include "common/data/token_source.h"

namespace edgetp {

// Where in the training split a step reads.
struct BatchKey {
  uint64_t seed = 0;
  int step = 0;         // 0-based
  int micro_batch = 0;  // 0-based
  int first_row = 0;    // of the micro-batch's sequences, where several readers share them
};

// Where the windows of a training batch begin: `batch` random offsets that depend on the key alone,
// those from the key's first_row on, so that parts of a micro-batch together are the whole. The
// training split, of so many tokens, must fit (Corpus::CheckFits).
std::vector<int64_t> TrainingStarts(int64_t tokens, const BatchKey& key, int batch, int sequence);

// The windows there.
// Errors: those of TokenSource::ReadWindows.
absl::StatusOr<TokenBatch> TrainingBatch(const TokenSource& source, const BatchKey& key, int batch,
                                         int sequence);

// Number of whole windows of the validation split: window i reads tokens iT .. iT+T-1 and predicts
// the next of each.
int64_t CountEvaluationWindows(const TokenSource& source, int sequence);

// `count` of `total` windows, spread evenly; all of them where `count` is no less. A split need not be
// alike from its beginning to its end.
std::vector<int64_t> SpreadWindows(int64_t total, int64_t count);

// These windows, which must exist.
// Errors: those of TokenSource::ReadWindows.
absl::StatusOr<TokenBatch> EvaluationBatch(const TokenSource& source,
                                           absl::Span<const int64_t> windows, int sequence);
// They will be asked for soon.
void PrefetchEvaluation(const TokenSource& source, absl::Span<const int64_t> windows, int sequence);

// Tokens of a window: its inputs, and the last target.
inline int WindowTokens(int sequence) { return sequence + 1; }

}  // namespace edgetp
