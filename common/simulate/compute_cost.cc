#include "common/simulate/compute_cost.h"

#include <algorithm>
#include <variant>

namespace edgetp {
namespace {

double SecondsAt(double amount, double per_second) {
  return per_second == 0 ? 0 : amount / per_second;
}

absl::Duration DurationOf(const ComputeStep& step, const DeviceOptions& device) {
  return absl::Seconds(std::max(SecondsAt(step.flops, device.flops_per_second),
                                SecondsAt(step.bytes_touched, device.memory_bytes_per_second)));
}

}  // namespace

DeviceOptions ToDeviceOptions(const v1::DeviceProfile& profile) {
  DeviceOptions device;
  device.flops_per_second = profile.flops_per_second();
  device.memory_bytes_per_second = profile.memory_bytes_per_second();
  device.message_overhead = absl::Nanoseconds(1e3 * profile.message_overhead_us());
  device.staging_bytes_per_second = profile.staging_bytes_per_second();
  return device;
}

absl::Duration StagingTime(const DeviceOptions& device, int64_t elements) {
  if (device.staging_bytes_per_second == 0) return absl::ZeroDuration();
  return absl::Seconds(static_cast<double>(elements) * sizeof(float) /
                       device.staging_bytes_per_second);
}

std::vector<absl::Duration> SegmentDurations(const std::vector<PlanStep>& steps,
                                             const DeviceOptions& device) {
  std::vector<absl::Duration> durations(1);
  for (const PlanStep& step : steps) {
    if (const ComputeStep* compute = std::get_if<ComputeStep>(&step)) {
      durations.back() += DurationOf(*compute, device);
    } else {
      durations.emplace_back();
    }
  }
  return durations;
}

ComputeTable BuildComputeTable(const StepPlan& plan, const std::vector<DeviceOptions>& devices) {
  ComputeTable table;
  for (int rank = 0; rank < plan.world_size; ++rank) {
    const DeviceOptions& device = devices.size() == 1 ? devices.front() : devices.at(rank);
    table.push_back(SegmentDurations(plan.steps[rank], device));
  }
  return table;
}

}  // namespace edgetp
