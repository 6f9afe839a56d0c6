// What a run would take, before anybody owns the devices: a StepPlan, device profiles and a network
// profile through the timeline simulator, for as many steps as tell the truth about jitter. Used by
// `edgetp simulate`. Pure and deterministic.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/collective/segments.h"
#include "common/network/attribution.h"
#include "common/plan/step_plan.h"
#include "common/simulate/timeline.h"
#include "edgetp/v1/config.pb.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

struct ForecastCase {
  PlanOptions plan;
  std::vector<v1::DeviceProfile> devices;  // one for all ranks, or one per rank
  v1::NetworkProfile network;
  std::string algorithm = "auto";
  int64_t segment_bytes = kDefaultSegmentBytes;
  int64_t slice_bytes = kDefaultSliceBytes;
  uint64_t seed = 0;
  std::optional<int> steps;  // absent: ForecastSteps, or until devices that throttle have settled
  std::optional<int>
      draw;  // of boards that differ (variation.h); absent: all as their profiles say
  std::function<bool()> stop;  // TimelineOptions::stop
  std::function<std::string(const AllReduceProblem&)> choose;  // TimelineOptions::choose
};

// Steps that are simulated where nobody says how many: enough for a p99 where the network is
// random or follows a trace, else enough for the ranks' skew at the start to settle.
int ForecastSteps(const NetworkOptions& network);

// A step with more segments is too long to look at: its trace would have more than about 50 MB.
inline constexpr int64_t kMaxObservedSegments = 100'000;

struct Forecast {
  std::vector<double> step_seconds;  // of each step: mean over ranks of end - begin, as measured
  std::vector<TimeBreakdown> ranks;  // of a mean step
  absl::Duration hidden;             // the same, mean over ranks
  std::string algorithm;  // of forward activations; "none" where there are no all-reduces
  double bytes_on_the_wire_per_rank = 0;  // of a step, mean over ranks
  SimulatorCounts counts;
  std::optional<v1::StepEnergy> energy;  // of a mean step; absent where a device says no watts
  std::optional<v1::Heat> heat;          // absent where no device can throttle
};

// What simulates the case's steps over `network`, which is the case's own.
// Errors: those of TimelineSimulator::Create.
absl::StatusOr<TimelineSimulator> MakeSimulator(const ForecastCase& forecast, int world_size,
                                                NetworkOptions network);

// The algorithm of activations, or where nobody sums them, of gradients; "none" where there are no
// all-reduces.
std::string MainAlgorithm(TimelineSimulator& simulator, const StepPlan& plan);

// `plan` is BuildStepPlan of the case, or another strategy's, whose ranks the devices are: who has many
// networks for one plan builds it once.
// `observer` sees the last step.
// Errors: those of ResolveNetwork and TimelineSimulator; InvalidArgument for an observer of more
//   than kMaxObservedSegments.
absl::StatusOr<Forecast> RunForecast(const ForecastCase& forecast, const StepPlan& plan,
                                     TimelineObserver* observer = nullptr);

}  // namespace edgetp
