// What it takes to make tokens one by one with a key-value cache, before anybody owns the devices:
// the plan of each pass, its context one token longer than that of the one before, through the
// timeline simulator. Used by `edgetp simulate --decode`, and for the memory of what `edgetp bench
// decode` measures. Pure and deterministic.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/step_plan.h"
#include "common/simulate/forecast.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

struct DecodeWork {
  int prompt_tokens = 32;
  int tokens = 64;    // to be made, of each sequence
  bool cache = true;  // keys and values are kept
};

struct DecodeCase {
  ForecastCase forecast;  // plan.batch sequences that go on together
  DecodeWork work;
  std::string model;  // names to print
  std::string device;
};

// The passes in their order: the first one takes in the prompts, each later one a token of each
// sequence, or, where the context begins anew, all of it (ContextWindow).
std::vector<DecodePass> PassesOf(const DecodeWork& work, int sequence);

// Of each rank of a group that does this.
// Errors: those of BuildDecodePlan.
absl::StatusOr<std::vector<v1::MemoryBytes>> DecodeMemory(const PlanOptions& options,
                                                          const DecodeWork& work);

// Of a breakdown's seconds, the share that is no computing; 0 of nothing.
double CommunicationShare(const v1::Breakdown& breakdown);

// The boards as their profiles say.
// Errors: those of BuildDecodePlan, ResolveNetwork and TimelineSimulator.
absl::StatusOr<v1::DecodeRow> SimulateDecode(const DecodeCase& run);

}  // namespace edgetp
