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
  double gradient_scale = 1;  // below 1 when clipping; applied here
};

// The same function to rounding.
enum class AdamWWay {
  kHost,   // one pass, in host memory
  kFused,  // LibTorch's, one pass; leaves gradients scaled where gradient_scale is not 1
  kPlain,  // LibTorch's operations one by one, on any device
};

// Host where the CPU's own operations take `values`; else fused, if this LibTorch has it (from 2.4 on).
AdamWWay ChooseAdamW(const torch::Tensor& values);

// An element's update depends on nothing but its own numbers: replicated parameters end with the
// same bits on every rank.
void ApplyAdamW(AdamWWay way, const AdamWOptions& options, const AdamWUpdate& update,
                ParameterStore& store);

}  // namespace edgetp
