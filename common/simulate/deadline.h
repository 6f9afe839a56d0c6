// How long the collectives of a job may take, and so which deadline they need: known before anything
// starts, from plan, devices and network. Read by the command line and by the server. Pure and
// deterministic.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

struct CollectiveNeeds {
  absl::Duration slowest;       // mean of the slowest collective on the profile as it begins
  std::string what;             // that one: "an all-reduce of 384 KiB between 2 workers over lte"
  absl::Duration network_step;  // all collectives of a mean step, means, as the profile begins
  // For all that the profile's timeline brings: at least 30 s, and 1 s for each step that local
  // replicas make without an exchange.
  absl::Duration deadline;
};

// Of a training step. `config` has its defaults, a network and a vocabulary.
// Errors: those of RunPlans::Build, ResolveNetwork and PriceAllReduce.
absl::StatusOr<CollectiveNeeds> NeedsOfStep(const v1::RunConfig& config);

// Of all-reduces of these sizes with each of the algorithms, as `bench allreduce` runs them.
absl::StatusOr<CollectiveNeeds> NeedsOfAllReduces(const v1::RunConfig& config,
                                                  const std::vector<int64_t>& bytes,
                                                  const std::vector<std::string>& algorithms);

// Fills an absent deadline with the one that is needed.
// Errors: InvalidArgument with both numbers for a deadline below the slowest collective, unless the
// clock is simulated: then nobody waits for the network.
absl::Status ResolveDeadline(const CollectiveNeeds& needs, v1::RunConfig* config);

// Removes a deadline that nobody has chosen: the one that ResolveDeadline has given the run. For who
// starts from the config of a run, perhaps over another network.
void ForgetDefaultDeadline(v1::RunConfig* config);

}  // namespace edgetp
