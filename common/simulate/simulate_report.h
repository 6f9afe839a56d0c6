// What `edgetp simulate` prints of one combination: times, where they go, whether it fits into the
// devices' memory and whether anybody would wait for it. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/simulate/draws.h"
#include "common/simulate/forecast.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

struct SimulateCase {
  ForecastCase forecast;
  std::string model;  // names to print
  std::string device;
  // A longer step is called infeasible: at a minute, 2000 steps take 33 hours.
  absl::Duration max_step = absl::Minutes(1);
  int run_steps = 0;  // of the run that is planned: what its energy is told of
  DrawOptions draws;
};

// `observer` sees the last step of the boards as their profiles say.
// Errors: those of BuildStepPlan and RunForecast.
absl::StatusOr<v1::SimulateReport> Simulate(const SimulateCase& run,
                                            TimelineObserver* observer = nullptr);

// The smallest world size that splits the heads evenly and whose shards all fit into the memory of
// `device`; absent if there is none. Activations do not shrink in full: embeddings, head and the
// residual stream are on every rank.
// Errors: those of BuildEvaluationPlan.
absl::StatusOr<std::optional<int>> SmallestWorldSizeThatFits(const PlanOptions& plan,
                                                             const v1::DeviceProfile& device);

}  // namespace edgetp
