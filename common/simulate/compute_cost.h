// How long the compute of a StepPlan takes, as a table: what a device profile says, or what was
// measured. Read by the simulator, and by workers that pad their compute to a device profile. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "common/plan/step_plan.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// Durations by rank and compute segment. Segment k of a rank is all that it computes between its
// collectives k-1 and k; the last one follows the last collective. So there is one more than there
// are collectives; one may be empty.
using ComputeTable = std::vector<std::vector<absl::Duration>>;

// A DeviceProfile as plain numbers. 0 is unlimited.
struct DeviceOptions {
  double flops_per_second = 0;
  double memory_bytes_per_second = 0;
  absl::Duration
      message_overhead;  // software cost of one message, at its sender and again at its receiver
  double staging_bytes_per_second =
      0;  // between accelerator and network buffers, before and after a collective
};

DeviceOptions ToDeviceOptions(const v1::DeviceProfile& profile);

// Between accelerator and network buffers, one way, of that many float32 elements.
absl::Duration StagingTime(const DeviceOptions& device, int64_t elements);

// The durations of one rank's compute segments. A ComputeStep takes as long as its arithmetic or
// its memory traffic, whichever takes longer.
std::vector<absl::Duration> SegmentDurations(const std::vector<PlanStep>& steps,
                                             const DeviceOptions& device);

// For every rank of the plan. `devices` is by rank; a single entry stands for all ranks.
ComputeTable BuildComputeTable(const StepPlan& plan, const std::vector<DeviceOptions>& devices);

}  // namespace edgetp
