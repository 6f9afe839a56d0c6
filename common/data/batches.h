// Which tokens a step trains on and an evaluation reads: pure functions of the corpus and of where
// the run is, so that every worker makes the same batches by itself.
#pragma once

#include <cstdint>

#include "common/data/corpus.h"
#include "common/data/token_batch.h"

namespace edgetp {

// Where in the training split a step reads.
struct BatchKey {
  uint64_t seed = 0;
  int step = 0;         // 0-based
  int micro_batch = 0;  // 0-based
};

// `batch` windows at random offsets that depend on the key alone. The training split must fit
// (Corpus::CheckFits).
TokenBatch TrainingBatch(const Corpus& corpus, const BatchKey& key, int batch, int sequence);

// Number of whole windows of the validation split: window i reads tokens iT .. iT+T-1 and predicts
// the next of each.
int64_t CountEvaluationWindows(const Corpus& corpus, int sequence);

// Windows [first, first + count), which must exist.
TokenBatch EvaluationBatch(const Corpus& corpus, int64_t first, int count, int sequence);

}  // namespace edgetp
