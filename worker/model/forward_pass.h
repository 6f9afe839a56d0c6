// What is particular to one forward pass: its sizes, whether it trains, and the key of its dropout
// masks.
#pragma once

#include <cstdint>
#include <memory>

#include "common/plan/step_plan.h"

namespace edgetp {

struct CachedPass;  // key_value_cache.h
class DropoutMasks;
class GradientBuckets;

struct ForwardPass {
  Phase phase = Phase::kEvaluate;  // kForward or kEvaluate
  int64_t batch = 0;               // B: sequences of this pass
  int64_t sequence = 0;            // T of this pass: may be shorter than the position table
  double dropout = 0;              // probability that an element is dropped; 0 when evaluating
  uint64_t dropout_key = 0;        // of (seed, step, micro-batch)
  // The gradient that this pass's loss will get: losses whose logits are never all there need it
  // early (head_loss.h).
  double loss_gradient = 1;
  // Of a group of rows (overlap ROWS) or a replica: its `batch` sequences are those from
  // `first_row` on, of the `all_rows` of its micro-batch. 0: all of them.
  int64_t first_row = 0;
  int64_t all_rows = 0;
  std::shared_ptr<DropoutMasks> masks;  // of a group of rows: those of all groups; else null
  const CachedPass* cached = nullptr;   // of decoding: whose keys and values are kept; else null
  GradientBuckets* buckets = nullptr;   // told when the backward pass leaves a stage; may be null
};

}  // namespace edgetp
