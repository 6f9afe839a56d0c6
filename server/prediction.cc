#include "server/prediction.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/quantile.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/run_plans.h"
#include "common/network/network_profile.h"
#include "common/plan/context_window.h"
#include "common/plan/step_plan.h"
#include "common/simulate/predicted_steps.h"
#include "common/simulate/simulated_run.h"

namespace edgetp {
namespace {

// What the steps of each plan compute for how long.
using ComputeTables = std::vector<ComputeTable>;

// Warm-up steps are slower than the model, but a median does not see them. `exchange`: of the steps
// that have the run's second plan.
absl::StatusOr<ComputeTable> MeasuredCompute(const EndedRun& ended, const StepPlan& plan,
                                             bool exchange) {
  ComputeTable table;
  for (size_t rank = 0; rank < ended.results.size(); ++rank) {
    const size_t want = CollectiveEntries(plan.steps[rank]).size() + 1;
    const v1::JobResult& result = ended.results[rank];
    const bool apart = exchange && !result.exchange_compute_seconds().empty();
    const auto& measured = apart ? result.exchange_compute_seconds() : result.compute_seconds();
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
  ASSIGN_OR_RETURN(NetworkOptions links, ResolveNetwork(network, config.workers()));
  TimelineOptions options = ToTimelineOptions(config, std::move(links));
  // A step that ended while ranks were cut off had sent its messages before.
  options.network.partition_group.clear();
  options.algorithm = algorithm;
  if (!DevicesOf(config).empty()) return TimelineSimulator::Create(std::move(options));
  options.devices.clear();
  for (const v1::JobResult& result : ended.results) {
    options.devices.push_back(
        DeviceOptions{.message_overhead = absl::Microseconds(result.message_overhead_us()),
                      .staging_bytes_per_second = result.staging_bytes_per_second()});
  }
  return TimelineSimulator::Create(std::move(options));
}

// With the algorithms that the run used. `auto` is decided in each place from what is known there:
// workers chose before the first message, we know what a message costs and each network. Where
// the two differ for what is nearly all of the traffic, the workers' choice counts.
absl::StatusOr<TimelineSimulator> SimulatorOf(const EndedRun& ended, const StepPlan& plan,
                                              const v1::NetworkProfile& network) {
  const std::string& asked = ended.spec.config().collective().algorithm();
  ASSIGN_OR_RETURN(TimelineSimulator simulator, MakeSimulator(ended, network, asked));
  const std::string& used = ended.results[0].allreduce_algorithm();
  const CollectiveStep* const main = MainAllReduce(plan.steps[0]);
  if (asked != "auto" || used.empty() || main == nullptr ||
      simulator.AlgorithmFor(main->elements, main->wire) == used)
    return simulator;
  return MakeSimulator(ended, network, used);
}

// Durations of at most `count` steps, averaged over the ranks as measured ones are: a rank's step
// begins where its last one ended.
absl::StatusOr<std::vector<double>> SimulateSteps(TimelineSimulator& simulator,
                                                  const RunPlans& plans,
                                                  const ComputeTables& compute, int count,
                                                  const std::function<bool()>& is_over) {
  std::vector<double> seconds;
  for (int step = 0; step < count && (step == 0 || !is_over()); ++step) {
    const size_t kind = plans.IndexOf(step + 1);
    ASSIGN_OR_RETURN(const StepTimeline timeline,
                     simulator.RunStep(plans.all()[kind], compute[kind]));
    seconds.push_back(timeline.MeanSeconds());
  }
  return seconds;
}

// A simulated step, and how many of the run's steps it stands for.
struct Sample {
  double seconds;
  double steps;
};

double WeightedMedian(std::vector<Sample> samples) {
  std::sort(samples.begin(), samples.end(),
            [](const Sample& a, const Sample& b) { return a.seconds < b.seconds; });
  double total = 0;
  for (const Sample& sample : samples) total += sample.steps;
  double passed = 0;
  for (const Sample& sample : samples) {
    passed += sample.steps;
    // Half a step of rounding: sums of weights are not exact.
    if (passed >= total / 2 - 1e-6 * total) return sample.seconds;
  }
  return 0;
}

// Of a token in the middle.
DecodePass TypicalPass(const v1::RunConfig& config, const v1::SampleTask& task) {
  int64_t tokens = task.prompt_size();
  for (const v1::SamplePrompt& prompt : task.prompts())
    tokens = std::max<int64_t>(tokens, prompt.tokens_size());
  tokens += task.tokens() / 2;
  const int64_t begin = ContextWindow(config.model().sequence()).Begin(tokens);
  const auto context = static_cast<int>(tokens - begin);
  if (task.has_cache() && !task.cache()) return {.new_tokens = context};
  return {.new_tokens = 1, .cached = context - 1, .capacity = context};
}

absl::StatusOr<RunPlans> PlansOf(const v1::JobSpec& spec) {
  if (!spec.has_sample()) return RunPlans::Build(spec.config());
  const int rows = std::max(1, spec.sample().prompts_size());
  return RunPlans::OfDecoding(spec.config(), rows, TypicalPass(spec.config(), spec.sample()));
}

absl::StatusOr<ComputeTables> ComputeOf(const EndedRun& ended, const RunPlans& plans) {
  const std::vector<DeviceOptions> devices = DeviceOptionsOf(ended.spec.config());
  ComputeTables tables;
  for (const StepPlan& plan : plans.all()) {
    if (devices.empty()) {
      ASSIGN_OR_RETURN(tables.emplace_back(), MeasuredCompute(ended, plan, !tables.empty()));
    } else {
      tables.push_back(BuildComputeTable(plan, devices));
    }
  }
  return tables;
}

// How many of the run's steps ended under each profile.
std::map<std::string, int> StepsByNetwork(const StepStatistics& statistics) {
  std::map<std::string, int> steps;
  for (const NetworkSpan& span : statistics.networks) steps[span.network] += span.steps;
  return steps;
}

}  // namespace

bool HasSteps(const v1::JobSpec& spec) { return spec.has_train() || spec.has_sample(); }

absl::StatusOr<Prediction> PredictSteps(const EndedRun& ended, const TimeIsUp& time_is_up) {
  const int world_size = ended.spec.config().workers();
  if (!HasSteps(ended.spec) || static_cast<int>(ended.results.size()) != world_size) {
    return absl::FailedPreconditionError("predict: the run has not finished training");
  }
  ASSIGN_OR_RETURN(const RunPlans plans, PlansOf(ended.spec));
  if (plans.fullest().world_size != world_size)
    return absl::FailedPreconditionError("predict: each rank samples by itself");
  ASSIGN_OR_RETURN(const ComputeTables compute, ComputeOf(ended, plans));
  const std::map<std::string, int> steps = StepsByNetwork(ended.statistics);
  double total = 0;
  for (const auto& [name, count] : steps) total += count;
  const double scale = std::min(1.0, kPredictedSteps / total);
  Prediction prediction;
  std::vector<Sample> all;
  double share = 0;
  for (const auto& [name, count] : steps) {
    const auto network = ended.networks.find(name);
    if (network == ended.networks.end())
      return absl::InternalError(absl::StrCat("predict: no profile is named ", name));
    if (time_is_up(1)) break;
    ASSIGN_OR_RETURN(TimelineSimulator simulator,
                     SimulatorOf(ended, plans.fullest(), network->second));
    share += count / total;
    // A profile with few of the run's steps gets one at least.
    ASSIGN_OR_RETURN(
        const std::vector<double> seconds,
        SimulateSteps(simulator, plans, compute,
                      std::max(1, static_cast<int>(std::lround(scale * count))),
                      [&time_is_up, share] { return time_is_up(std::min(share, 1.0)); }));
    for (const double each : seconds)
      all.push_back({each, count / static_cast<double>(seconds.size())});
    prediction.steps += static_cast<int>(seconds.size());
    prediction.by_network[name] = Quantile(seconds, 0.5);
  }
  if (prediction.by_network.size() == steps.size())
    prediction.step_seconds = WeightedMedian(std::move(all));
  return prediction;
}

}  // namespace edgetp
