// Fits the finer cost model (compute_cost.h) to measured durations: least squares of the relative
// errors, with rates that are never negative. `edgetp calibrate` feeds it with training steps of
// several shapes. Pure.
#pragma once

#include <vector>

#include "common/simulate/compute_cost.h"

namespace edgetp {

// One compute segment that was measured.
struct MeasuredSegment {
  SegmentWork work;
  double seconds = 0;
};

// All compute of one rank's step.
using MeasuredStep = std::vector<MeasuredSegment>;

// What messages of one step cost in software that nothing hid.
struct MeasuredMessages {
  double messages = 0;  // sent by a rank, who received as many
  double bytes = 0;     // sent by it
  double seconds = 0;
};

// Sets the rates and overheads of compute. What the measurements do not show stays 0: free.
// Needs steps of at least as many different shapes as there are terms (5) to mean anything.
void FitCompute(const std::vector<MeasuredStep>& steps, DeviceOptions* device);

// Sets message_overhead and message_bytes_per_second.
void FitMessages(const std::vector<MeasuredMessages>& steps, DeviceOptions* device);

// The x >= 0 that minimizes the sum of squares of rows * x - values. Each row has as many terms.
std::vector<double> NonNegativeLeastSquares(const std::vector<std::vector<double>>& rows,
                                            const std::vector<double>& values);

}  // namespace edgetp
