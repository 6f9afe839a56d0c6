#include "server/prediction.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/network/network_profile.h"
#include "common/plan/step_plan.h"
#include "common/simulate/timeline.h"
#include "server/summary.h"

namespace edgetp {
namespace {

// Enough for a median under heavy-tailed jitter, and milliseconds to simulate. A profile with few
// of the run's steps gets one at least.
constexpr double kMaxSteps = 200;

// Empty: the run had no device profiles.
std::vector<DeviceOptions> ProfiledDevices(const EndedRun& ended) {
  std::vector<DeviceOptions> devices;
  for (const v1::DeviceProfile& device : DevicesOf(ended.spec.config()))
    devices.push_back(ToDeviceOptions(device));
  return devices;
}

// Warm-up steps are slower than the model, but a median does not see them.
absl::StatusOr<ComputeTable> MeasuredCompute(const EndedRun& ended, const StepPlan& plan) {
  ComputeTable table;
  for (size_t rank = 0; rank < ended.results.size(); ++rank) {
    const size_t want = Collectives(plan.steps[rank]).size() + 1;
    const auto& measured = ended.results[rank].compute_seconds();
    if (static_cast<size_t>(measured.size()) != want) {
      return absl::InternalError(
          absl::StrCat("measured compute segments do not fit the plan (rank=", rank, " want=", want,
                       " got=", measured.size(), ")"));
    }
    std::vector<absl::Duration>& row = table.emplace_back();
    for (const float seconds : measured) row.push_back(absl::Seconds(seconds));
  }
  return table;
}

absl::StatusOr<TimelineSimulator> MakeSimulator(const EndedRun& ended,
                                                const v1::NetworkProfile& network,
                                                const std::string& algorithm) {
  const v1::RunConfig& config = ended.spec.config();
  TimelineOptions options;
  options.world_size = config.workers();
  ASSIGN_OR_RETURN(options.network, ResolveNetwork(network, config.workers()));
  // A step that ended while ranks were cut off had sent its messages before.
  options.network.partition_group.clear();
  options.seed = config.seed();
  options.algorithm = algorithm;
  options.segment_bytes = config.collective().segment_bytes();
  options.devices = ProfiledDevices(ended);
  if (!options.devices.empty()) return TimelineSimulator::Create(std::move(options));
  for (const v1::JobResult& result : ended.results) {
    options.devices.push_back(
        DeviceOptions{.message_overhead = absl::Microseconds(result.message_overhead_us()),
                      .staging_bytes_per_second = result.staging_bytes_per_second()});
  }
  return TimelineSimulator::Create(std::move(options));
}

// With the algorithms that the run used. `auto` is decided in each place from what is known there:
// workers chose before the first message, we know what a message costs and each network. Where
// the two differ for activations, which are nearly all of the traffic, the workers' choice counts.
absl::StatusOr<TimelineSimulator> SimulatorOf(const EndedRun& ended, const StepPlan& plan,
                                              const v1::NetworkProfile& network) {
  const std::string& asked = ended.spec.config().collective().algorithm();
  ASSIGN_OR_RETURN(TimelineSimulator simulator, MakeSimulator(ended, network, asked));
  const std::string& used = ended.results[0].allreduce_algorithm();
  if (asked != "auto" || used.empty()) return simulator;
  for (const AllReduceStep& step : Collectives(plan.steps[0])) {
    if (step.tag.traffic != TrafficClass::kActivationForward) continue;
    const int bytes_per_element = static_cast<int>(step.wire_bytes / step.elements);
    if (simulator.AlgorithmFor(step.elements, bytes_per_element) == used) return simulator;
    return MakeSimulator(ended, network, used);
  }
  return simulator;
}

// Durations of `count` steps, averaged over the ranks as measured ones are: a rank's step begins
// where its last one ended.
absl::StatusOr<std::vector<double>> SimulateSteps(TimelineSimulator& simulator,
                                                  const StepPlan& plan, const ComputeTable& compute,
                                                  int count) {
  std::vector<double> seconds;
  for (int step = 0; step < count; ++step) {
    ASSIGN_OR_RETURN(const StepTimeline timeline, simulator.RunStep(plan, compute));
    seconds.push_back(timeline.MeanSeconds());
  }
  return seconds;
}

}  // namespace

absl::StatusOr<Prediction> PredictSteps(const EndedRun& ended) {
  const int world_size = ended.spec.config().workers();
  if (!ended.spec.has_train() || static_cast<int>(ended.results.size()) != world_size) {
    return absl::FailedPreconditionError("predict: the run has not finished training");
  }
  ASSIGN_OR_RETURN(const PlanOptions options, ToPlanOptions(ended.spec.config()));
  ASSIGN_OR_RETURN(const StepPlan plan, BuildStepPlan(options));
  const std::vector<DeviceOptions> devices = ProfiledDevices(ended);
  ComputeTable compute;
  if (devices.empty()) {
    ASSIGN_OR_RETURN(compute, MeasuredCompute(ended, plan));
  } else {
    compute = BuildComputeTable(plan, devices);
  }
  const std::vector<std::string>& networks = ended.statistics.networks;
  std::map<std::string, int> steps;
  for (const std::string& network : networks) ++steps[network];
  const double scale = std::min(1.0, kMaxSteps / static_cast<double>(networks.size()));
  Prediction prediction;
  std::vector<double> all;
  for (const auto& [name, count] : steps) {
    const auto network = ended.networks.find(name);
    if (network == ended.networks.end())
      return absl::InternalError(absl::StrCat("predict: no profile is named ", name));
    ASSIGN_OR_RETURN(TimelineSimulator simulator, SimulatorOf(ended, plan, network->second));
    const int simulated = std::max(1, static_cast<int>(std::lround(scale * count)));
    ASSIGN_OR_RETURN(const std::vector<double> seconds,
                     SimulateSteps(simulator, plan, compute, simulated));
    all.insert(all.end(), seconds.begin(), seconds.end());
    prediction.by_network[name] = Quantile(seconds, 0.5);
  }
  prediction.step_seconds = Quantile(std::move(all), 0.5);
  return prediction;
}

}  // namespace edgetp
