// What this machine does at a model's shapes: the numbers of a device profile, measured through the
// path that training takes. Every rank of the job calls it; rank 0 reports.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "edgetp/v1/config.pb.h"
#include "edgetp/v1/report.pb.h"
#include "worker/collective/collective_group.h"
#include "worker/job/calibrate_shapes.h"
#include "worker/job/job.h"

namespace edgetp {

// The network of `config` is unlimited.
// Blocks until: all is measured, some seconds for a small model.
// Errors: those of trainer and group.
absl::StatusOr<v1::CalibrateReport> Calibrate(const v1::RunConfig& config,
                                              const JobEnvironment& environment,
                                              CollectiveGroup* group);

// Fits the cost model to what was measured, and reports it and how well it fits. Pure.
void ReportFit(const std::vector<MeasuredShape>& shapes, v1::CalibrateReport* report);

}  // namespace edgetp
