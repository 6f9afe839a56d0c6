// What the steps of a run that really waits take of electricity: the watts of its device profiles,
// and where each rank's time went by its own report. Pure.
#pragma once

#include <vector>

#include "edgetp/v1/config.pb.h"
#include "server/step_aggregator.h"

namespace edgetp {

// `devices`: one for all ranks, or one per rank. Null where one says no watts, or there is none.
StepCharger MeasuredEnergy(const std::vector<v1::DeviceProfile>& devices);

}  // namespace edgetp
