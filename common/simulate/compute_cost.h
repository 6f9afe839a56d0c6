// How long the compute of a StepPlan takes, as a table: what a device profile says, or what was
// measured. Read by the simulator, and by workers that pad their compute to a device profile. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "common/plan/step_plan.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// Durations by rank and compute segment. Segment k of a rank is all that it computes between the
// entries k-1 and k of its CollectiveEntries: a start and a wait delimit a segment as a blocking
// collective does. The last one follows the last entry. So there is one more than there are
// entries; one may be empty.
using ComputeTable = std::vector<std::vector<absl::Duration>>;

// A DeviceProfile as plain numbers. A rate of 0 is unlimited.
struct DeviceOptions {
  double flops_per_second = 0;
  double memory_bytes_per_second = 0;
  // Software cost of one message, at its sender and again at its receiver.
  absl::Duration message_overhead;
  // Between accelerator and network buffers, before and after a collective.
  double staging_bytes_per_second = 0;
  // The finer model of a calibrated host; used where elementwise_bytes_per_second is not 0.
  double elementwise_bytes_per_second = 0;
  double optimizer_bytes_per_second = 0;
  absl::Duration operation_overhead;
  absl::Duration segment_overhead;
  double message_bytes_per_second = 0;
  double codec_bytes_per_second = 0;  // of float32, into and from a wire format with groups
  // Of an exchange that runs under compute, the share of the shorter of both that stays hidden. The
  // rest is what the exchange takes from the compute: cores, memory bandwidth.
  double overlap_efficiency = 1;
  // Of this very board: its compute takes so many times as long (variation.h).
  double compute_factor = 1;
};

DeviceOptions ToDeviceOptions(const v1::DeviceProfile& profile);
std::vector<DeviceOptions> ToDeviceOptions(const std::vector<v1::DeviceProfile>& profiles);

// What a rank has of a list that is by rank, or has one entry for all.
template <typename T>
const T& OfRank(const std::vector<T>& by_rank, int rank) {
  return by_rank.size() == 1 ? by_rank.front() : by_rank.at(rank);
}

// What `overlapped` time, of an exchange under compute, costs all the same.
absl::Duration OverlapCost(const DeviceOptions& device, absl::Duration overlapped);

// Between accelerator and network buffers, one way, of so many bytes.
absl::Duration StagingTime(const DeviceOptions& device, int64_t bytes);

// What a message costs its sender before its first byte is on the link: the fixed overhead, and
// what the software takes for the bytes beyond the time that the link itself takes for them.
// `link_bits_per_second`: 0 is unlimited.
absl::Duration SendingTime(const DeviceOptions& device, int64_t bytes, double link_bits_per_second);

// What encoding, or decoding, that many elements takes. Nothing for elementwise formats: copying
// does it on the way, and the cost of messages has it.
absl::Duration CodecTime(const DeviceOptions& device, const WireFormat& wire, int64_t elements);

// The same of a Hadamard rotation, before or after a collective: as long as encoding.
absl::Duration RotationTime(const DeviceOptions& device, const WireFormat& wire, int64_t elements);

// What one compute segment does, as the finer model sees it.
struct SegmentWork {
  double product_flops = 0;
  double elementwise_bytes = 0;
  double optimizer_bytes = 0;
  double operations = 0;
  // A collective that the rank waited for begins the segment, or, at the beginning of the list, ends
  // it. One that only starts lets the rank go on.
  bool beside_collective = false;
  double product_bytes = 0;  // where products may wait for memory (ComputeStep)
};

// By the finer model: the sum below.
absl::Duration DurationOf(const SegmentWork& work, const DeviceOptions& device);

// Of one rank, by compute segment.
std::vector<SegmentWork> SegmentWorks(const std::vector<PlanStep>& steps);

// The durations of one rank's compute segments.
//   A profile without elementwise_bytes_per_second: each ComputeStep takes as long as its
//   arithmetic or its memory traffic, whichever takes longer.
//   With it: product flops / flops_per_second; of decoding product bytes / memory_bytes_per_second,
//            if that is more
//            + element-wise bytes / elementwise_bytes_per_second
//            + optimizer bytes / optimizer_bytes_per_second
//            + operations * operation_overhead
//            + segment_overhead, where the segment is beside_collective
// Either of them times compute_factor.
std::vector<absl::Duration> SegmentDurations(const std::vector<PlanStep>& steps,
                                             const DeviceOptions& device);

// Each of them takes `factor` times as long. Exactly nothing changes at 1.
void Scale(double factor, std::vector<absl::Duration>* durations);

// What each ComputeStep of the list takes by itself. A segment's overhead, which is none's, comes on
// top.
std::vector<absl::Duration> StepDurations(const std::vector<PlanStep>& steps,
                                          const DeviceOptions& device);

// For every rank of the plan. `devices` is by rank; a single entry stands for all ranks.
ComputeTable BuildComputeTable(const StepPlan& plan, const std::vector<DeviceOptions>& devices);

}  // namespace edgetp
