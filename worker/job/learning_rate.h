// Linear warm-up, then a cosine from learning_rate to min_learning_rate at decay_steps, constant
// after that. Pure. Source: nanoGPT's get_lr, with the warm-up's first step at learning_rate /
// (warmup_steps + 1).
#pragma once

#include <cmath>
#include <numbers>

#include "edgetp/v1/config.pb.h"

namespace edgetp {

// `step` counts from 0; `train` has every field set (common/config/defaults.h).
inline double LearningRate(const v1::TrainConfig& train, int step) {
  if (step < train.warmup_steps())
    return train.learning_rate() * (step + 1) / (train.warmup_steps() + 1);
  if (step >= train.decay_steps()) return train.min_learning_rate();
  const double progress = static_cast<double>(step - train.warmup_steps()) /
                          (train.decay_steps() - train.warmup_steps());
  const double coefficient = 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  return train.min_learning_rate() +
         coefficient * (train.learning_rate() - train.min_learning_rate());
}

}  // namespace edgetp
