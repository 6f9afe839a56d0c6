// How the learning rate goes over a run: a linear warm-up, then one of a few shapes. Read by
// validation and by workers. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// What a run has that names none.
inline constexpr char kDefaultSchedule[] = "cosine";

// cosine, linear, constant, wsd.
std::vector<std::string> ScheduleNames();

// Errors: InvalidArgument naming the word and those that are known.
absl::Status CheckSchedule(const std::string& name);

// Whether the rate falls to min_learning_rate by decay_steps, and from stable_steps on alone. True
// of no unknown name.
bool Decays(const std::string& name);
bool HasStablePart(const std::string& name);

// Where the decay of a wsd begins that says nothing: nine tenths of decay_steps, the share of
// Haegele et al., arXiv 2405.18392; not before the warm-up's end.
int DefaultStableSteps(const v1::TrainConfig& train);

// The learning rate of an update; `step` counts from 0. Warm-up: its first step has learning_rate /
// (warmup_steps + 1). `train` has every field set (common/config/defaults.h).
// Sources: nanoGPT's get_lr (warm-up, cosine); Hu et al., arXiv 2404.06395, section 4 (wsd; its
// decay is linear here, as in arXiv 2405.18392).
double LearningRate(const v1::TrainConfig& train, int step);

// What follows from the number of steps where nobody said otherwise, so that a run that is made
// longer ends its decay with its steps. Call before the steps change.
void ForgetDefaultDecay(v1::TrainConfig* train);

}  // namespace edgetp
