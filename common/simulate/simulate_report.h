// What `edgetp simulate` prints of one combination: times, where they go, whether it fits into the
// devices' memory and whether anybody would wait for it. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/simulate/draws.h"
#include "common/simulate/forecast.h"
#include "common/simulate/strategy_case.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

struct SimulateCase {
  ForecastCase forecast;
  std::string model;  // names to print
  std::string device;
  // How the devices are used; absent: they share one model. Its plan and speeds are the forecast's.
  std::optional<StrategyOptions> strategy;
  // A longer step is called infeasible: at a minute, 2000 steps take 33 hours.
  absl::Duration max_step = absl::Minutes(1);
  int run_steps = 0;  // of the run that is planned: what its energy is told of
  DrawOptions draws;
};

// Of one optimizer step. `observer` sees the last step of the boards as their profiles say.
// Errors: those of BuildStrategyPlan and RunForecast.
absl::StatusOr<v1::SimulateReport> Simulate(const SimulateCase& run,
                                            TimelineObserver* observer = nullptr);

// What a rank takes of its device's memory: an accelerator (it has staging) keeps its rank's model
// itself.
MemoryUse UseOn(const v1::DeviceProfile& device, const StepPlan& plan, int rank);

// True where the profile does not say how much memory the device has.
bool Fits(const v1::DeviceProfile& device, const StepPlan& plan, int rank);

// The smallest world size that splits the heads evenly and whose shards all fit into the memory of
// `device`; absent if there is none. Activations do not shrink in full: embeddings, head and the
// residual stream are on every rank.
// Errors: those of BuildStepPlan.
absl::StatusOr<std::optional<int>> SmallestWorldSizeThatFits(const PlanOptions& plan,
                                                             const v1::DeviceProfile& device);

}  // namespace edgetp
