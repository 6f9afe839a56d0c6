#include "common/report/step_picture.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/load.h"
#include "common/config/run_plans.h"
#include "common/network/network_profile.h"
#include "common/report/step_spans.h"
#include "common/simulate/forecast.h"
#include "common/simulate/simulated_run.h"

namespace edgetp {
namespace {

constexpr int kSteps = 3;
// More rows than these cannot be told apart on a page.
constexpr int kMaxRanks = 16;
constexpr TrafficClass kClasses[] = {TrafficClass::kActivationForward,
                                     TrafficClass::kActivationBackward, TrafficClass::kGradSync,
                                     TrafficClass::kScalar, TrafficClass::kControl};

// What the host took, spread over the plan's segments as their arithmetic is.
absl::StatusOr<ComputeTable> ComputeOnHost(const StepPlan& plan, const PictureOptions& options) {
  const double seconds = options.compute_seconds.value_or(0);
  if (!(seconds > 0)) {
    return absl::FailedPreconditionError(
        "the run names no device, and no step says how long its compute took");
  }
  ComputeTable table = BuildComputeTable(plan, {DeviceOptions{.flops_per_second = 1e9}});
  for (std::vector<absl::Duration>& rank : table) {
    absl::Duration total;
    for (const absl::Duration segment : rank) total += segment;
    const double sum = absl::ToDoubleSeconds(total);
    if (sum > 0) Scale(seconds / sum, &rank);
  }
  return table;
}

absl::StatusOr<ComputeTable> ComputeOf(const v1::RunConfig& config, const StepPlan& plan,
                                       const PictureOptions& options) {
  const std::vector<DeviceOptions> devices = DeviceOptionsOf(config);
  if (devices.empty()) return ComputeOnHost(plan, options);
  return BuildComputeTable(plan, devices);
}

absl::StatusOr<TimelineSimulator> SimulatorOf(const v1::RunConfig& config,
                                              const PictureOptions& options) {
  const v1::NetworkProfile network = config.has_network() ? config.network() : UnlimitedNetwork();
  ASSIGN_OR_RETURN(NetworkOptions links, ResolveNetwork(network, config.workers()));
  TimelineOptions timeline = ToTimelineOptions(config, std::move(links));
  // A partition is over before a step ends.
  timeline.network.partition_group.clear();
  timeline.stop = options.stop;
  return TimelineSimulator::Create(std::move(timeline));
}

StepPlan OnlyOf(TrafficClass traffic, StepPlan plan) {
  for (std::vector<PlanStep>& steps : plan.steps) {
    const auto other = [traffic](const PlanStep& step) {
      const auto* collective = std::get_if<CollectiveStep>(&step);
      return collective == nullptr || collective->tag.traffic != traffic;
    };
    steps.erase(std::remove_if(steps.begin(), steps.end(), other), steps.end());
  }
  return plan;
}

// How many of the run's steps have its second plan: all or none where there is one plan.
double ShareOfSecondPlan(const RunPlans& plans, int steps) {
  if (plans.all().size() < 2 || steps < 1) return 0;
  return static_cast<double>(plans.calendar().CountDue(1, plans.calendar().round())) / steps;
}

void FillBytes(const RunPlans& plans, int steps, TimelineSimulator* simulator,
               StepPicture* picture) {
  const double second = ShareOfSecondPlan(plans, steps);
  for (const TrafficClass traffic : kClasses) {
    const auto bytes_of = [&](const StepPlan& plan) {
      return simulator->BytesOnTheWirePerRank(OnlyOf(traffic, plan));
    };
    double bytes = (1 - second) * bytes_of(plans.all().front());
    if (second > 0) bytes += second * bytes_of(plans.fullest());
    if (bytes > 0) picture->bytes_by_class.emplace_back(NameOf(traffic), bytes);
  }
}

}  // namespace

absl::StatusOr<StepPicture> PictureOf(const v1::RunConfig& config, const PictureOptions& options) {
  ASSIGN_OR_RETURN(const RunPlans plans, RunPlans::Build(config));
  const StepPlan& plan = plans.fullest();
  ASSIGN_OR_RETURN(const ComputeTable compute, ComputeOf(config, plan, options));
  ASSIGN_OR_RETURN(TimelineSimulator simulator, SimulatorOf(config, options));
  if (const int64_t segments = simulator.Segments(plan); segments > kMaxObservedSegments) {
    return absl::ResourceExhaustedError(absl::StrCat("a step has too many segments to draw (got ",
                                                     segments, ", at most ", kMaxObservedSegments,
                                                     ")"));
  }
  StepPicture picture;
  picture.ranks = plan.world_size;
  picture.ranks_shown = std::min(plan.world_size, kMaxRanks);
  SpanRecorder recorder(picture.ranks_shown);
  for (int step = 1; step <= kSteps; ++step) {
    ASSIGN_OR_RETURN(const StepTimeline timeline,
                     simulator.RunStep(plan, compute, step == kSteps ? &recorder : nullptr));
    picture.step_seconds = timeline.MeanSeconds();
  }
  picture.spans = recorder.Take(options.max_spans, &picture.shortest_seconds);
  const CollectiveStep* const main = MainAllReduce(plan.steps[0]);
  if (main != nullptr) picture.algorithm = simulator.AlgorithmFor(main->elements, main->wire);
  FillBytes(plans, config.train().steps(), &simulator, &picture);
  return picture;
}

}  // namespace edgetp
