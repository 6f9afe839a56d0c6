// --strategy of commands that run something, and what belongs to it: part of run_options.h, which
// declares the flags.
#pragma once

#include "cli/shared/run_options.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// What was typed, over what a preset says: a strategy leaves the fields of the other ones behind.
// Faults go to `faults`.
void ApplyStrategy(const RunFlags& flags, Faults* faults, v1::RunConfig* config);

// As if the config named no strategy.
void ForgetStrategy(v1::RunConfig* config);

}  // namespace edgetp
