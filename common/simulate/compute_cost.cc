#include "common/simulate/compute_cost.h"

#include <algorithm>
#include <variant>

namespace edgetp {
namespace {

double SecondsAt(double amount, double per_second) {
  return per_second == 0 ? 0 : amount / per_second;
}

absl::Duration RooflineOf(const ComputeStep& step, const DeviceOptions& device) {
  return absl::Seconds(std::max(SecondsAt(step.flops, device.flops_per_second),
                                SecondsAt(step.bytes_touched, device.memory_bytes_per_second)));
}

// The finer model prices only what the plan has told apart.
bool ToldApart(const std::vector<PlanStep>& steps) {
  return std::all_of(steps.begin(), steps.end(), [](const PlanStep& step) {
    const ComputeStep* compute = std::get_if<ComputeStep>(&step);
    return compute == nullptr || compute->operations > 0;
  });
}

// Whether the finer model prices the list on the device.
bool Finer(const std::vector<PlanStep>& steps, const DeviceOptions& device) {
  return device.elementwise_bytes_per_second != 0 && ToldApart(steps);
}

void Add(const ComputeStep& step, SegmentWork* work) {
  work->product_flops += step.product_flops;
  work->product_bytes += step.product_bytes;
  work->elementwise_bytes += step.elementwise_bytes;
  work->operations += step.operations;
  if (step.phase == Phase::kOptimizer) work->optimizer_bytes += step.bytes_touched;
}

std::vector<absl::Duration> RooflineDurations(const std::vector<PlanStep>& steps,
                                              const DeviceOptions& device) {
  std::vector<absl::Duration> durations(1);
  for (const PlanStep& step : steps) {
    if (const ComputeStep* compute = std::get_if<ComputeStep>(&step)) {
      durations.back() += RooflineOf(*compute, device);
    } else {
      durations.emplace_back();
    }
  }
  return durations;
}

std::vector<absl::Duration> FinerDurations(const std::vector<PlanStep>& steps,
                                           const DeviceOptions& device) {
  std::vector<absl::Duration> durations;
  for (const SegmentWork& work : SegmentWorks(steps)) durations.push_back(DurationOf(work, device));
  return durations;
}

}  // namespace

DeviceOptions ToDeviceOptions(const v1::DeviceProfile& profile) {
  const auto microseconds = [](double us) { return absl::Nanoseconds(1e3 * us); };
  DeviceOptions device;
  device.flops_per_second = profile.flops_per_second();
  device.memory_bytes_per_second = profile.memory_bytes_per_second();
  device.message_overhead = microseconds(profile.message_overhead_us());
  device.staging_bytes_per_second = profile.staging_bytes_per_second();
  device.elementwise_bytes_per_second = profile.elementwise_bytes_per_second();
  device.optimizer_bytes_per_second = profile.optimizer_bytes_per_second();
  device.operation_overhead = microseconds(profile.operation_overhead_us());
  device.segment_overhead = microseconds(profile.segment_overhead_us());
  device.message_bytes_per_second = profile.message_bytes_per_second();
  if (profile.has_overlap_efficiency()) device.overlap_efficiency = profile.overlap_efficiency();
  device.codec_bytes_per_second = profile.codec_bytes_per_second();
  if (profile.has_compute_factor()) device.compute_factor = profile.compute_factor();
  return device;
}

std::vector<DeviceOptions> ToDeviceOptions(const std::vector<v1::DeviceProfile>& profiles) {
  std::vector<DeviceOptions> devices;
  for (const v1::DeviceProfile& profile : profiles) devices.push_back(ToDeviceOptions(profile));
  return devices;
}

absl::Duration OverlapCost(const DeviceOptions& device, absl::Duration overlapped) {
  if (device.overlap_efficiency == 1) return absl::ZeroDuration();
  return overlapped * (1 - device.overlap_efficiency);
}

absl::Duration StagingTime(const DeviceOptions& device, int64_t bytes) {
  if (device.staging_bytes_per_second == 0) return absl::ZeroDuration();
  return absl::Seconds(static_cast<double>(bytes) / device.staging_bytes_per_second);
}

absl::Duration SendingTime(const DeviceOptions& device, int64_t bytes,
                           double link_bits_per_second) {
  const auto amount = static_cast<double>(bytes);
  const double software = SecondsAt(amount, device.message_bytes_per_second);
  const double link = SecondsAt(8 * amount, link_bits_per_second);
  return device.message_overhead + absl::Seconds(std::max(0.0, software - link));
}

absl::Duration CodecTime(const DeviceOptions& device, const WireFormat& wire, int64_t elements) {
  if (wire.elementwise()) return absl::ZeroDuration();
  const double bytes = static_cast<double>(elements) * sizeof(float);
  return absl::Seconds(SecondsAt(bytes, device.codec_bytes_per_second));
}

absl::Duration RotationTime(const DeviceOptions& device, const WireFormat& wire, int64_t elements) {
  return wire.hadamard() ? CodecTime(device, wire, elements) : absl::ZeroDuration();
}

absl::Duration DurationOf(const SegmentWork& work, const DeviceOptions& device) {
  const double seconds = std::max(SecondsAt(work.product_flops, device.flops_per_second),
                                  SecondsAt(work.product_bytes, device.memory_bytes_per_second)) +
                         SecondsAt(work.elementwise_bytes, device.elementwise_bytes_per_second) +
                         SecondsAt(work.optimizer_bytes, device.optimizer_bytes_per_second);
  return absl::Seconds(seconds) + work.operations * device.operation_overhead +
         (work.beside_collective ? device.segment_overhead : absl::ZeroDuration());
}

std::vector<SegmentWork> SegmentWorks(const std::vector<PlanStep>& steps) {
  std::vector<SegmentWork> works(1);
  for (const PlanStep& step : steps) {
    if (const auto* entry = std::get_if<CollectiveStep>(&step)) {
      if (works.size() == 1) works.back().beside_collective = true;
      works.push_back({.beside_collective = entry->part != CollectivePart::kStart});
      continue;
    }
    Add(std::get<ComputeStep>(step), &works.back());
  }
  return works;
}

std::vector<absl::Duration> SegmentDurations(const std::vector<PlanStep>& steps,
                                             const DeviceOptions& device) {
  std::vector<absl::Duration> durations =
      Finer(steps, device) ? FinerDurations(steps, device) : RooflineDurations(steps, device);
  Scale(device.compute_factor, &durations);
  return durations;
}

std::vector<absl::Duration> StepDurations(const std::vector<PlanStep>& steps,
                                          const DeviceOptions& device) {
  const bool finer = Finer(steps, device);
  std::vector<absl::Duration> durations;
  for (const PlanStep& step : steps) {
    const auto* compute = std::get_if<ComputeStep>(&step);
    if (compute == nullptr) continue;
    SegmentWork work;
    Add(*compute, &work);
    durations.push_back(finer ? DurationOf(work, device) : RooflineOf(*compute, device));
  }
  Scale(device.compute_factor, &durations);
  return durations;
}

void Scale(double factor, std::vector<absl::Duration>* durations) {
  if (factor == 1) return;
  for (absl::Duration& duration : *durations) duration *= factor;
}

ComputeTable BuildComputeTable(const StepPlan& plan, const std::vector<DeviceOptions>& devices) {
  ComputeTable table;
  for (int rank = 0; rank < plan.world_size; ++rank)
    table.push_back(SegmentDurations(plan.steps[rank], OfRank(devices, rank)));
  return table;
}

}  // namespace edgetp
