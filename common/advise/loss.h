// What is known of a pattern's and a wire format's effect on the loss: a table of runs that
// docs/experiments.md describes. A test compares both. Pure.
#pragma once

#include <vector>

#include "common/advise/candidates.h"
#include "edgetp/v1/advise.pb.h"

namespace edgetp {

// Validation loss of a run of MiniGPT with two workers (docs/experiments.md).
struct MeasuredLoss {
  const char* pattern;  // of its four layers; longer models repeat it
  const char* wire;     // of activations, both directions
  double val_loss;
};

struct LossTable {
  const char* section;  // of docs/experiments.md
  MeasuredLoss baseline;
  std::vector<MeasuredLoss> rows;
};

const std::vector<LossTable>& LossTables();

// Exact, or measured with the same pattern (repeated to the model's layers) and format, or not known.
// The last table that has it counts.
v1::AdvisedLoss LossOf(const AdviseGroup& group, int layers);

}  // namespace edgetp
