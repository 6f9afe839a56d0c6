#include "common/simulate/forecast.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/network/network_profile.h"

namespace edgetp {
namespace {

constexpr int kRandomSteps = 100;
constexpr int kSettledSteps = 3;

constexpr char kNoAlgorithm[] = "none";

absl::StatusOr<TimelineSimulator> MakeSimulator(const ForecastCase& forecast, int world_size,
                                                NetworkOptions network) {
  TimelineOptions options;
  options.world_size = world_size;
  options.network = std::move(network);
  options.seed = forecast.seed;
  options.algorithm = forecast.algorithm;
  options.segment_bytes = forecast.segment_bytes;
  options.slice_bytes = forecast.slice_bytes;
  options.stop = forecast.stop;
  options.devices = ToDeviceOptions(forecast.devices);
  return TimelineSimulator::Create(std::move(options));
}

absl::Status CheckObservable(int64_t segments) {
  if (segments <= kMaxObservedSegments) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "a step with ", segments, " segments cannot be traced: at most ", kMaxObservedSegments,
      "; take fewer layers, workers or micro-batches, or larger collective.segment_bytes"));
}

// Of activations, or where nobody sums them, of gradients.
std::string MainAlgorithm(TimelineSimulator& simulator, const StepPlan& plan) {
  for (const TrafficClass traffic : {TrafficClass::kActivationForward, TrafficClass::kGradSync}) {
    for (const PlanStep& step : plan.steps.front()) {
      const auto* reduce = std::get_if<CollectiveStep>(&step);
      if (reduce == nullptr || reduce->kind != CollectiveKind::kAllReduce) continue;
      if (reduce->tag.traffic == traffic) return simulator.AlgorithmFor(*reduce);
    }
  }
  return kNoAlgorithm;
}

}  // namespace

int ForecastSteps(const NetworkOptions& network) {
  return network.Random() || network.FollowsTrace() ? kRandomSteps : kSettledSteps;
}

absl::StatusOr<Forecast> RunForecast(const ForecastCase& forecast, const StepPlan& plan,
                                     TimelineObserver* observer) {
  ASSIGN_OR_RETURN(NetworkOptions network, ResolveNetwork(forecast.network, plan.world_size));
  const int steps = forecast.steps.value_or(ForecastSteps(network));
  ASSIGN_OR_RETURN(TimelineSimulator simulator,
                   MakeSimulator(forecast, plan.world_size, std::move(network)));
  if (observer != nullptr) RETURN_IF_ERROR(CheckObservable(simulator.Segments(plan)));
  const ComputeTable compute = BuildComputeTable(plan, ToDeviceOptions(forecast.devices));
  Forecast result;
  result.ranks.resize(plan.world_size);
  for (int step = 1; step <= steps; ++step) {
    ASSIGN_OR_RETURN(const StepTimeline timeline,
                     simulator.RunStep(plan, compute, step == steps ? observer : nullptr));
    result.step_seconds.push_back(timeline.MeanSeconds());
    result.hidden += timeline.MeanHidden();
    for (int rank = 0; rank < plan.world_size; ++rank) {
      result.ranks[rank] += timeline.ranks[rank].breakdown;
    }
  }
  for (TimeBreakdown& rank : result.ranks) rank = rank / steps;
  result.hidden /= steps;
  result.algorithm = MainAlgorithm(simulator, plan);
  result.bytes_on_the_wire_per_rank = simulator.BytesOnTheWirePerRank(plan);
  result.counts = simulator.counts();
  return result;
}

}  // namespace edgetp
