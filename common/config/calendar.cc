#include "common/config/calendar.h"

#include <algorithm>

#include "common/config/convert.h"

namespace edgetp {
namespace {

int RoundOf(const v1::RunConfig& config) {
  const absl::StatusOr<ReplicaOptions> replicas = ToReplicaOptions(config);
  const bool local = replicas.ok() && replicas->exchange == Replicas::kWeights;
  return local ? std::min(replicas->inner_steps, config.train().steps()) : 1;
}

}  // namespace

Calendar::Calendar(const v1::RunConfig& config)
    : Calendar(config.train().steps(), RoundOf(config)) {}

}  // namespace edgetp
