// What this machine does at a model's shapes: the numbers of a device profile, measured through the
// path that training takes. Every rank of the job calls it; rank 0 reports.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "edgetp/v1/config.pb.h"
#include "edgetp/v1/report.pb.h"
#include "worker/collective_group.h"
#include "worker/model/trainer.h"

namespace edgetp {

// `trainer` has been built for `config`, whose network is unlimited, over `group`. The process
// computes on `device`, on a CPU with `threads`.
// Blocks until: all is measured, some seconds for a small model.
// Errors: those of trainer and group.
absl::StatusOr<v1::CalibrateReport> Calibrate(const v1::RunConfig& config,
                                              const std::string& device, int threads,
                                              Trainer* trainer, CollectiveGroup* group);

// The rate at which the compute of a plan's rank takes `seconds`, where its memory traffic runs at
// `memory_bytes_per_second`: what compute_cost.h must be told to get back what was measured.
// `at_most` where memory alone takes longer. Pure.
double FittingFlops(const std::vector<PlanStep>& steps, double memory_bytes_per_second,
                    double seconds, double at_most);

}  // namespace edgetp
