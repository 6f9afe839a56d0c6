#include "common/simulate/simulate_report.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/quantile.h"
#include "common/base/status_macros.h"
#include "common/plan/plan_report.h"
#include "common/plan/strategy_report.h"
#include "common/simulate/energy.h"

namespace edgetp {
namespace {

// `tokens`: of a step.
void FillTimes(const Forecast& forecast, double tokens, v1::SimulateReport* report) {
  const std::vector<double>& seconds = forecast.step_seconds;
  report->set_steps(static_cast<int>(seconds.size()));
  report->set_step_seconds(Quantile(seconds, 0.5));
  report->set_step_seconds_p99(Quantile(seconds, 0.99));
  report->set_mean_step_seconds(std::accumulate(seconds.begin(), seconds.end(), 0.0) /
                                static_cast<double>(seconds.size()));
  if (report->step_seconds() > 0) report->set_tokens_per_second(tokens / report->step_seconds());
  TimeBreakdown sum;
  for (const TimeBreakdown& rank : forecast.ranks) {
    *report->add_breakdown_seconds_per_rank() = ToProto(rank);
    sum += rank;
  }
  *report->mutable_breakdown_seconds() = ToProto(sum / static_cast<int64_t>(forecast.ranks.size()));
  report->set_hidden_seconds(absl::ToDoubleSeconds(forecast.hidden));
}

// After FillTimes. `tokens`: of a step.
void FillEnergy(const SimulateCase& run, const Forecast& forecast, double tokens,
                v1::SimulateReport* report) {
  if (forecast.heat.has_value()) *report->mutable_heat() = *forecast.heat;
  if (!forecast.energy.has_value()) return;
  *report->mutable_energy() =
      EnergyOf(*forecast.energy,
               {report->mean_step_seconds(), tokens, run.run_steps},
               run.forecast.devices);
}

// Over draws of boards, of one update. `rounds`: of all that the plan has.
absl::StatusOr<std::optional<v1::Variation>> DrawUpdates(const SimulateCase& run,
                                                         const StrategyPlan& strategy,
                                                         const Forecast& rounds) {
  ASSIGN_OR_RETURN(std::optional<v1::Variation> variation,
                   DrawSteps(run.forecast, strategy.plan, rounds, run.draws));
  if (!variation.has_value() || strategy.updates == 1) return variation;
  variation->set_step_seconds_p50(variation->step_seconds_p50() / strategy.updates);
  variation->set_step_seconds_p99(variation->step_seconds_p99() / strategy.updates);
  return variation;
}

void FillMemory(const ForecastCase& forecast, const StepPlan& plan, v1::SimulateReport* report) {
  for (int rank = 0; rank < plan.world_size; ++rank) {
    const v1::DeviceProfile& device = OfRank(forecast.devices, rank);
    *report->add_memory_bytes_per_rank() = ToProto(UseOn(device, plan, rank));
    report->add_device_memory_bytes_per_rank(device.memory_bytes());
    report->add_fits(Fits(device, plan, rank));
  }
}

std::string Gibibytes(double bytes) { return absl::StrFormat("%.3g GiB", bytes / 0x1p30); }

// Why memory makes it impossible; empty if it does not.
std::string MemoryReason(const ForecastCase& forecast, const v1::SimulateReport& report) {
  for (int rank = 0; rank < report.fits_size(); ++rank) {
    if (report.fits(rank)) continue;
    return absl::StrCat("rank ", rank, " needs ",
                        Gibibytes(report.memory_bytes_per_rank(rank).total()), ", ",
                        OfRank(forecast.devices, rank).name(), " has ",
                        Gibibytes(report.device_memory_bytes_per_rank(rank)));
  }
  return "";
}

std::string Minutes(double seconds) {
  const double minutes = seconds / 60;
  return absl::StrFormat("%.*f minutes", minutes < 9.95 ? 1 : 0, minutes);
}

// Which share of a mean step is waiting for the network, or computing, and on what.
std::string LargestShare(const v1::SimulateReport& report) {
  const v1::Breakdown& terms = report.breakdown_seconds();
  const std::pair<const char*, double> waits[] = {{"queueing", terms.queueing()},
                                                  {"serialization", terms.serialization()},
                                                  {"propagation", terms.propagation()},
                                                  {"jitter", terms.jitter()},
                                                  {"stragglers", terms.straggler()}};
  double network = 0;
  for (const auto& [name, seconds] : waits) network += seconds;
  const auto percent = [&](double seconds) { return 100 * seconds / report.mean_step_seconds(); };
  if (network < std::max(terms.compute(), terms.software())) {
    const bool compute = terms.compute() >= terms.software();
    return absl::StrFormat("%s is %.0f %% of it", compute ? "compute" : "software",
                           percent(compute ? terms.compute() : terms.software()));
  }
  const auto* largest = std::max_element(
      std::begin(waits), std::end(waits),
      [](const auto& left, const auto& right) { return left.second < right.second; });
  return absl::StrFormat("the network is %.0f %% of it, most of that %s", percent(network),
                         largest->first);
}

// Why nobody would wait for it; empty if somebody would.
std::string TimeReason(const SimulateCase& run, const v1::SimulateReport& report) {
  if (report.step_seconds() <= absl::ToDoubleSeconds(run.max_step)) return "";
  return absl::StrCat(Minutes(report.step_seconds()), " per step: ", LargestShare(report));
}

void Judge(const SimulateCase& run, v1::SimulateReport* report) {
  report->set_max_step_seconds(absl::ToDoubleSeconds(run.max_step));
  const std::string memory = MemoryReason(run.forecast, *report);
  const std::string time = TimeReason(run, *report);
  report->set_reason(absl::StrCat(memory, memory.empty() || time.empty() ? "" : "; ", time));
  report->set_feasible(report->reason().empty());
}

}  // namespace

MemoryUse UseOn(const v1::DeviceProfile& device, const StepPlan& plan, int rank) {
  if (device.staging_bytes_per_second() == 0) return plan.memory[rank];
  return AcceleratedTrainingMemory(plan.memory_sizes[rank], /*gathers=*/rank == 0).accelerator;
}

bool Fits(const v1::DeviceProfile& device, const StepPlan& plan, int rank) {
  return !device.has_memory_bytes() ||
         UseOn(device, plan, rank).total_bytes() <= device.memory_bytes();
}

absl::StatusOr<v1::SimulateReport> Simulate(const SimulateCase& asked, TimelineObserver* observer) {
  ASSIGN_OR_RETURN(const StrategyPlan strategy, PlanOf(asked.forecast, asked.strategy));
  const StepPlan& plan = strategy.plan;
  SimulateCase run = asked;
  run.forecast = OfPlan(asked.forecast, strategy);
  const PlanOptions& options = run.forecast.plan;
  ASSIGN_OR_RETURN(Forecast forecast, RunForecast(run.forecast, plan, observer));
  ASSIGN_OR_RETURN(std::optional<v1::Variation> variation, DrawUpdates(run, strategy, forecast));
  PerUpdate(strategy.updates, &forecast);
  v1::SimulateReport report;
  report.set_model(run.model);
  report.set_pattern(options.pattern.Expanded());
  report.set_overlap(ToString(options.overlap));
  report.set_workers(options.world_size);
  report.set_network(run.forecast.network.name());
  report.set_device(run.device);
  report.set_allreduce_algorithm(forecast.algorithm);
  if (strategy.shares_tensors) report.set_sync_points_forward(options.pattern.ForwardSyncPoints());
  report.set_bytes_on_the_wire_per_rank(forecast.bytes_on_the_wire_per_rank);
  const double tokens = strategy.tokens_per_step / strategy.updates;
  FillTimes(forecast, tokens, &report);
  FillEnergy(run, forecast, tokens, &report);
  if (variation.has_value()) *report.mutable_variation() = *std::move(variation);
  if (run.strategy.has_value()) {
    *report.mutable_strategy() = UseOf(*run.strategy, strategy);
    report.mutable_strategy()->set_round_seconds(strategy.updates * report.step_seconds());
  }
  FillMemory(run.forecast, plan, &report);
  const v1::DeviceProfile& device = run.forecast.devices.front();
  const bool alike = run.forecast.devices.size() == 1 && device.has_memory_bytes();
  if (alike && !run.strategy.has_value()) {
    ASSIGN_OR_RETURN(const std::optional<int> smallest, SmallestWorldSizeThatFits(options, device));
    if (smallest.has_value()) report.set_smallest_workers_that_fit(*smallest);
  }
  Judge(run, &report);
  report.set_events(static_cast<double>(forecast.counts.events));
  report.set_collectives(static_cast<double>(forecast.counts.collectives));
  report.set_collectives_folded(static_cast<double>(forecast.counts.folded));
  return report;
}

absl::StatusOr<std::optional<int>> SmallestWorldSizeThatFits(const PlanOptions& plan,
                                                             const v1::DeviceProfile& device) {
  PlanOptions even = plan;
  even.split.clear();
  for (even.world_size = 1; even.world_size <= plan.shape.heads; ++even.world_size) {
    if (plan.shape.heads % even.world_size != 0) continue;
    if (even.vocabulary_parallel && even.world_size > plan.shape.vocabulary) break;
    // What error feedback keeps follows from the collectives of training; for all else the short
    // list of an evaluation does.
    const bool feeds_back = plan.feedback_activations || plan.feedback_grad_sync;
    ASSIGN_OR_RETURN(const StepPlan shards,
                     feeds_back ? BuildStepPlan(even) : BuildEvaluationPlan(even));
    bool fits = true;
    for (int rank = 0; rank < even.world_size; ++rank) fits = fits && Fits(device, shards, rank);
    if (fits) return even.world_size;
  }
  return std::nullopt;
}

}  // namespace edgetp
