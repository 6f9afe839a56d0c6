// Training steps: compute time from one network, step time over another.
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/published_rows.h"
#include "common/network/network_profile.h"
#include "common/published/row_prices.h"
#include "common/published/training_plan.h"
#include "common/simulate/choose_algorithm.h"
#include "common/simulate/timeline.h"

namespace edgetp {
namespace {

constexpr char kDefaultAlgorithm[] = "ring_sliced";
// Messages of some MiB are one segment: how they are cut changes nothing on links of two ends.
constexpr int64_t kSegmentBytes = 32 << 20;

// A step as a function of what arithmetic takes.
class TrainingStep {
 public:
  static absl::StatusOr<TrainingStep> Create(const v1::PublishedTraining& work) {
    ASSIGN_OR_RETURN(StepPlan plan, BuildTrainingPlan(work));
    return TrainingStep(work, std::move(plan));
  }

  absl::StatusOr<double> Seconds(const v1::NetworkProfile& network, double seconds_per_flop) const {
    TimelineOptions options;
    options.world_size = plan_.world_size;
    options.algorithm = algorithm_;
    options.segment_bytes = kSegmentBytes;
    ASSIGN_OR_RETURN(options.network, ResolveNetwork(network, plan_.world_size));
    ASSIGN_OR_RETURN(TimelineSimulator simulator, TimelineSimulator::Create(std::move(options)));
    DeviceOptions device;
    device.flops_per_second = seconds_per_flop > 0 ? 1 / seconds_per_flop : 0;
    ASSIGN_OR_RETURN(const StepTimeline timeline,
                     simulator.RunStep(plan_, BuildComputeTable(plan_, {device})));
    ASSIGN_OR_RETURN(const double gradients, GradientSeconds(network));
    return absl::ToDoubleSeconds(timeline.duration) + gradients;
  }

  // Of the busiest rank.
  double Flops() const {
    double most = 0;
    for (const std::vector<PlanStep>& steps : plan_.steps) {
      double flops = 0;
      for (const PlanStep& step : steps) {
        if (const auto* compute = std::get_if<ComputeStep>(&step)) flops += compute->flops;
      }
      most = std::max(most, flops);
    }
    return most;
  }

 private:
  TrainingStep(const v1::PublishedTraining& work, StepPlan plan)
      : work_(work),
        plan_(std::move(plan)),
        algorithm_(work.has_algorithm() ? work.algorithm() : kDefaultAlgorithm) {}

  // After the backward pass, each rank with those that have the same layers.
  absl::StatusOr<double> GradientSeconds(const v1::NetworkProfile& network) const {
    if (!work_.has_gradients_mib()) return 0.0;
    constexpr double kElementsPerMib = (1 << 20) / sizeof(float);
    AllReduceProblem problem;
    problem.world_size = TrainingSizes(work_).data;
    problem.elements = static_cast<int64_t>(work_.gradients_mib() * kElementsPerMib);
    ASSIGN_OR_RETURN(problem.network, ResolveNetwork(network, problem.world_size));
    ASSIGN_OR_RETURN(const AllReduceCost cost, PriceAllReduce(problem, algorithm_));
    return absl::ToDoubleSeconds(cost.mean);
  }

  v1::PublishedTraining work_;
  StepPlan plan_;
  std::string algorithm_;
};

// The speed, as seconds per floating-point operation, at which the input's step takes as long as
// published. A step's time is a rising function of it, made of straight pieces, so that a few steps of
// the secant method find it.
absl::StatusOr<double> FitSpeed(const TrainingStep& step, const PublishedCase& row) {
  constexpr double kPrecision = 1e-6;
  constexpr int kMaxSteps = 40;
  const double published = MeasurementOf(*row.input).value;
  double at = published / step.Flops();
  // Over a network that costs nothing, the step is in proportion.
  if (!row.input->has_network()) {
    ASSIGN_OR_RETURN(const double seconds, step.Seconds(row.input_network, at));
    return at * published / seconds;
  }
  double low = 0;
  ASSIGN_OR_RETURN(double low_seconds, step.Seconds(row.input_network, low));
  if (low_seconds >= published) {
    return absl::InvalidArgumentError(
        absl::StrCat("no compute time fits: a step takes ", low_seconds,
                     " s without computing (published: ", published, " s)"));
  }
  for (int i = 0; i < kMaxSteps; ++i) {
    ASSIGN_OR_RETURN(const double seconds, step.Seconds(row.input_network, at));
    if (std::abs(seconds - published) <= kPrecision * published) return at;
    const double slope = (seconds - low_seconds) / (at - low);
    if (slope <= 0) {  // so far, the exchanges alone decide
      at *= 2;
      continue;
    }
    if (seconds < published) {
      low = at;
      low_seconds = seconds;
    }
    at += (published - seconds) / slope;
  }
  return absl::InternalError(absl::StrCat("fit of the speed: no end after ", kMaxSteps,
                                          " steps (published: ", published, " s)"));
}

}  // namespace

absl::StatusOr<double> PriceTrainingRow(const PublishedCase& row) {
  ASSIGN_OR_RETURN(const TrainingStep step, TrainingStep::Create(row.row.training()));
  auto known = row.fitted->find(row.input);
  if (known == row.fitted->end()) {
    ASSIGN_OR_RETURN(const double seconds_per_flop, FitSpeed(step, row));
    known = row.fitted->emplace(row.input, seconds_per_flop).first;
  }
  return step.Seconds(row.network, known->second);
}

}  // namespace edgetp
