#include "server/prediction.h"

#include <algorithm>
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

// Enough for a median under heavy-tailed jitter, and milliseconds to simulate.
constexpr int kMaxSteps = 200;

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
                                                const std::string& algorithm) {
  const v1::RunConfig& config = ended.spec.config();
  TimelineOptions options;
  options.world_size = config.workers();
  ASSIGN_OR_RETURN(options.network, ResolveNetwork(config.network(), config.workers()));
  options.seed = config.seed();
  options.algorithm = algorithm;
  options.segment_bytes = config.collective().segment_bytes();
  for (const v1::JobResult& result : ended.results) {
    options.devices.push_back(
        DeviceOptions{.message_overhead = absl::Microseconds(result.message_overhead_us())});
  }
  return TimelineSimulator::Create(std::move(options));
}

// With the algorithms that the run used. `auto` is decided in each place from what is known there:
// workers chose before the first message, we know what a message costs and the last network. Where
// the two differ for activations, which are nearly all of the traffic, the workers' choice counts.
absl::StatusOr<TimelineSimulator> SimulatorOf(const EndedRun& ended, const StepPlan& plan) {
  const std::string& asked = ended.spec.config().collective().algorithm();
  ASSIGN_OR_RETURN(TimelineSimulator simulator, MakeSimulator(ended, asked));
  const std::string& used = ended.results[0].allreduce_algorithm();
  if (asked != "auto" || used.empty()) return simulator;
  for (const AllReduceStep& step : Collectives(plan.steps[0])) {
    if (step.tag.traffic != TrafficClass::kActivationForward) continue;
    const int bytes_per_element = static_cast<int>(step.wire_bytes / step.elements);
    if (simulator.AlgorithmFor(step.elements, bytes_per_element) == used) return simulator;
    return MakeSimulator(ended, used);
  }
  return simulator;
}

}  // namespace

absl::StatusOr<double> PredictStepSeconds(const EndedRun& ended) {
  const int world_size = ended.spec.config().workers();
  if (!ended.spec.has_train() || static_cast<int>(ended.results.size()) != world_size) {
    return absl::FailedPreconditionError("predict: the run has not finished training");
  }
  ASSIGN_OR_RETURN(const PlanOptions options, ToPlanOptions(ended.spec.config()));
  ASSIGN_OR_RETURN(const StepPlan plan, BuildStepPlan(options));
  ASSIGN_OR_RETURN(const ComputeTable compute, MeasuredCompute(ended, plan));
  ASSIGN_OR_RETURN(TimelineSimulator simulator, SimulatorOf(ended, plan));
  std::vector<double> seconds;
  const int steps = std::clamp(ended.statistics.last_step, 1, kMaxSteps);
  for (int step = 0; step < steps; ++step) {
    ASSIGN_OR_RETURN(const StepTimeline timeline, simulator.RunStep(plan, compute));
    // As measured: a rank's step begins where its last one ended, and the ranks are averaged.
    absl::Duration sum;
    for (const RankStep& rank : timeline.ranks) sum += rank.end - rank.begin;
    seconds.push_back(absl::ToDoubleSeconds(sum) / world_size);
  }
  return Quantile(std::move(seconds), 0.5);
}

}  // namespace edgetp
