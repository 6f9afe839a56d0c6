// AdamW over a ParameterStore's flat ranges; decay on matrices only (embeddings included, as in
// nanoGPT). Source: Loshchilov and Hutter, arXiv 1711.05101; the arithmetic is that of
// torch.optim.AdamW.
#pragma once

#include "common/plan/optimizer.h"
#include "worker/model/parameter_store.h"

namespace edgetp {

struct AdamWUpdate {
  int step = 0;  // updates before this one, for the bias correction
  double learning_rate = 0;
  double gradient_scale =
      1;  // below 1 when clipping; applied here, so that the gradients themselves stay as they are
};

// An element's update depends on nothing but its own numbers: replicated parameters end with the
// same bits on every rank.
void ApplyAdamW(const AdamWOptions& options, const AdamWUpdate& update, ParameterStore& store);

}  // namespace edgetp
