#include "common/simulate/forecast.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/network/network_profile.h"
#include "common/simulate/boards.h"
#include "common/simulate/variation.h"

namespace edgetp {
namespace {

constexpr int kRandomSteps = 100;
constexpr int kSettledSteps = 3;

constexpr char kNoAlgorithm[] = "none";

// Where devices throttle: a settled temperature may be far away.
constexpr int kMaxHeatSteps = 1000;

absl::Status CheckObservable(int64_t segments) {
  if (segments <= kMaxObservedSegments) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "a step with ", segments, " segments cannot be traced: at most ", kMaxObservedSegments,
      "; take fewer layers, workers or micro-batches, or larger collective.segment_bytes"));
}

// How many steps tell the truth, known after the first one.
int StepsOf(const ForecastCase& forecast, int steps, const Boards& boards, double first_seconds) {
  if (forecast.steps.has_value() || first_seconds <= 0) return steps;
  const double settled = std::ceil(absl::ToDoubleSeconds(boards.SettlingTime()) / first_seconds);
  return std::max(steps, static_cast<int>(std::min<double>(settled, kMaxHeatSteps)));
}

std::vector<v1::DeviceProfile> BoardsOf(const ForecastCase& forecast, int world_size) {
  if (!forecast.draw.has_value()) return forecast.devices;
  return DrawBoards(forecast.devices, world_size, forecast.seed, *forecast.draw);
}

std::optional<BoardsDraw> DrawOf(const ForecastCase& forecast) {
  if (!forecast.draw.has_value()) return std::nullopt;
  return BoardsDraw{forecast.seed, *forecast.draw};
}

// Sums, until FinishMeans.
void Add(const StepTimeline& timeline, Boards* boards, Forecast* result) {
  result->step_seconds.push_back(timeline.MeanSeconds());
  result->hidden += timeline.MeanHidden();
  std::vector<TimeBreakdown> ranks;
  for (const RankStep& rank : timeline.ranks) ranks.push_back(rank.breakdown);
  for (size_t rank = 0; rank < ranks.size(); ++rank) result->ranks[rank] += ranks[rank];
  const std::optional<v1::StepEnergy> energy = boards->Pass(ranks);
  if (!energy.has_value()) return;
  if (!result->energy.has_value()) result->energy.emplace();
  AddStep(*energy, &*result->energy);
}

void FinishMeans(int steps, Forecast* result) {
  for (TimeBreakdown& rank : result->ranks) rank = rank / steps;
  result->hidden /= steps;
  if (result->energy.has_value()) Divide(steps, &*result->energy);
}

}  // namespace

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
  options.choose = forecast.choose;
  options.devices = ToDeviceOptions(forecast.devices);
  return TimelineSimulator::Create(std::move(options));
}

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

int ForecastSteps(const NetworkOptions& network) {
  return network.Random() || network.FollowsTrace() ? kRandomSteps : kSettledSteps;
}

absl::StatusOr<Forecast> RunForecast(const ForecastCase& forecast, const StepPlan& plan,
                                     TimelineObserver* observer) {
  ASSIGN_OR_RETURN(NetworkOptions network, ResolveNetwork(forecast.network, plan.world_size));
  int steps = forecast.steps.value_or(ForecastSteps(network));
  ASSIGN_OR_RETURN(TimelineSimulator simulator,
                   MakeSimulator(forecast, plan.world_size, std::move(network)));
  if (observer != nullptr) RETURN_IF_ERROR(CheckObservable(simulator.Segments(plan)));
  const ComputeTable compute =
      BuildComputeTable(plan, ToDeviceOptions(BoardsOf(forecast, plan.world_size)));
  Boards boards(forecast.devices, plan.world_size, DrawOf(forecast));
  Forecast result;
  result.ranks.resize(plan.world_size);
  for (int step = 1; step <= steps; ++step) {
    ASSIGN_OR_RETURN(
        const StepTimeline timeline,
        simulator.RunStep(plan, boards.Compute(compute), step == steps ? observer : nullptr));
    if (step == 1) steps = StepsOf(forecast, steps, boards, timeline.MeanSeconds());
    Add(timeline, &boards, &result);
  }
  FinishMeans(steps, &result);
  result.heat = boards.heat();
  result.algorithm = MainAlgorithm(simulator, plan);
  result.bytes_on_the_wire_per_rank = simulator.BytesOnTheWirePerRank(plan);
  result.counts = simulator.counts();
  return result;
}

}  // namespace edgetp
