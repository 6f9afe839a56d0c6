#include "server/summary.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/quantile.h"
#include "common/config/convert.h"
#include "common/network/network_profile.h"
#include "common/network/verdict.h"
#include "common/plan/pattern.h"
#include "common/simulate/energy.h"

namespace edgetp {
namespace {

// Of a rank's word on its checkpoint: the first lines say enough.
constexpr size_t kMaxErrorBytes = 2048;

void FillFidelity(const EndedRun& ended, v1::RunSummary* summary) {
  if (ended.outcome != "done") {
    summary->mutable_verdict()->set_reason("the run did not finish");
    return;
  }
  if (ended.spec.config().clock() == v1::CLOCK_SIMULATED) {
    summary->mutable_verdict()->set_valid(true);
    summary->mutable_verdict()->set_reason(absl::StrCat(
        "not judged (simulated: nothing was emulated; compute is ",
        summary->device().empty() ? "what each step took on this host" : "what the device takes",
        ")"));
    return;
  }
  std::vector<v1::Fidelity> ranks;
  for (const v1::JobResult& result : ended.results) ranks.push_back(result.fidelity());
  *summary->mutable_fidelity() = WorstOf(ranks);
  *summary->mutable_verdict() = Judge(summary->fidelity(), WasEmulated(ended));
}

void FillSteps(const StepStatistics& statistics, v1::RunSummary* summary) {
  summary->set_steps(statistics.last_step);
  summary->set_steps_skipped(statistics.skipped);
  summary->set_wall_seconds(statistics.wall_seconds);
  if (statistics.host_seconds.has_value()) summary->set_host_seconds(*statistics.host_seconds);
  if (statistics.train_loss.has_value())
    summary->mutable_final()->set_train_loss(*statistics.train_loss);
  if (statistics.val_loss.has_value()) summary->mutable_final()->set_val_loss(*statistics.val_loss);
  summary->set_val_windows(statistics.val_windows);
  const std::vector<double>& seconds = statistics.step_seconds;
  summary->mutable_step_seconds()->set_median(Quantile(seconds, 0.5));
  summary->mutable_step_seconds()->set_p99(Quantile(seconds, 0.99));
  if (seconds.empty()) return;
  const double count = static_cast<double>(seconds.size());
  summary->set_mean_step_seconds(std::accumulate(seconds.begin(), seconds.end(), 0.0) / count);
  if (statistics.ideal_step_seconds.has_value() && summary->mean_step_seconds() > 0)
    summary->set_mfu(*statistics.ideal_step_seconds / summary->mean_step_seconds());
  Accumulate(statistics.breakdown_sum, 1 / count, summary->mutable_breakdown_seconds());
  summary->set_hidden_seconds(statistics.hidden_sum / count);
  summary->set_bytes_on_the_wire_per_rank(statistics.bytes_sum / count);
}

// Of a mean step, and of all; nothing where it is not known. After FillSteps.
void FillEnergy(const EndedRun& ended, v1::RunSummary* summary) {
  const StepStatistics& statistics = ended.statistics;
  if (statistics.energy_sum.joules_per_rank().empty()) return;
  const auto steps = static_cast<int>(statistics.step_seconds.size());
  v1::StepEnergy mean = statistics.energy_sum;
  Divide(steps, &mean);
  *summary->mutable_energy() =
      EnergyOf(mean, {summary->mean_step_seconds(), statistics.tokens_per_step, steps},
               DevicesOf(ended.spec.config()));
}

// One row for each profile under which steps ended, in the order in which they came into force.
void FillNetworks(const StepStatistics& statistics, const Prediction& prediction,
                  v1::RunSummary* summary) {
  std::map<std::string, std::vector<double>> seconds;
  auto begin = statistics.step_seconds.begin();
  for (const NetworkSpan& span : statistics.networks) {
    std::vector<double>& samples = seconds[span.network];
    if (samples.empty()) summary->add_networks()->set_network(span.network);
    samples.insert(samples.end(), begin, begin + span.steps);
    begin += span.steps;
  }
  for (v1::NetworkSteps& row : *summary->mutable_networks()) {
    const std::vector<double>& samples = seconds[row.network()];
    row.set_steps(static_cast<int>(samples.size()));
    row.set_step_seconds(Quantile(samples, 0.5));
    const auto predicted = prediction.by_network.find(row.network());
    if (predicted != prediction.by_network.end()) row.set_predicted_step_seconds(predicted->second);
  }
}

// What prices compute, in a prediction and under the simulated clock.
std::string ComputeSource(const v1::RunSummary& summary) {
  if (summary.device().empty()) return "measured in this run";
  return "device profile " + summary.device();
}

// "no space left", or, where several ranks failed, "rank 0: ...; rank 1: ...".
std::string CheckpointError(const std::vector<v1::JobResult>& results) {
  std::vector<std::pair<size_t, std::string>> errors;
  for (size_t rank = 0; rank < results.size(); ++rank) {
    if (!results[rank].checkpoint_error().empty())
      errors.emplace_back(rank, results[rank].checkpoint_error().substr(0, kMaxErrorBytes));
  }
  if (errors.size() == 1) return errors.front().second;
  return absl::StrJoin(errors, "; ", [](std::string* out, const auto& error) {
    absl::StrAppend(out, "rank ", error.first, ": ", error.second);
  });
}

void FillResults(const std::vector<v1::JobResult>& results, v1::RunSummary* summary) {
  if (results.empty()) return;
  summary->set_allreduce_algorithm(results[0].allreduce_algorithm());
  *summary->mutable_allreduce_choices() = results[0].allreduce_choices();
  summary->set_val_windows_total(results[0].eval().windows_total());
  summary->set_checkpoint_error(CheckpointError(results));
}

}  // namespace

bool WasEmulated(const EndedRun& ended) {
  const v1::RunConfig& config = ended.spec.config();
  if (!DevicesOf(config).empty()) return true;
  return std::any_of(ended.statistics.networks.begin(), ended.statistics.networks.end(),
                     [&](const NetworkSpan& span) {
                       const auto network = ended.networks.find(span.network);
                       if (network == ended.networks.end())
                         return true;  // no profile, no doubt either
                       const auto options = ResolveNetwork(network->second, config.workers());
                       return !options.ok() || !options->Unlimited();
                     });
}

v1::RunSummary Summarize(const EndedRun& ended, const Prediction& prediction) {
  const v1::RunConfig& config = ended.spec.config();
  v1::RunSummary summary;
  summary.set_run(ended.run);
  summary.set_model(config.model().name());
  summary.set_pattern(config.pattern());
  if (const absl::StatusOr<Pattern> pattern = Pattern::Parse(config.pattern(), 0); pattern.ok()) {
    summary.set_pattern(pattern->Expanded());
    summary.set_sync_points_forward(pattern->ForwardSyncPoints());
  }
  if (const absl::StatusOr<Overlap> overlap = ToOverlap(config); overlap.ok())
    summary.set_overlap(ToString(*overlap));
  if (const absl::StatusOr<ReplicaOptions> replicas = ToReplicaOptions(config); replicas.ok()) {
    summary.set_strategy(NameOf(replicas->exchange));
    if (replicas->replicated()) summary.set_sync_points_forward(0);  // within one device
  }
  summary.set_tokens_per_step(SequencesPerStep(config) * config.model().sequence());
  summary.set_workers(config.workers());
  summary.set_network(config.network().name());
  summary.set_clock(config.clock() == v1::CLOCK_SIMULATED ? "simulated" : "emulated");
  summary.set_device(DescribeDevices(config));
  const v1::CollectiveConfig& wire = config.collective();
  summary.set_wire(
      absl::StrCat(wire.wire_forward(), "/", wire.wire_backward(), "/", wire.wire_grad_sync()));
  FillSteps(ended.statistics, &summary);
  if (ended.outcome == "done")
    summary.set_ended_by(summary.steps() < config.train().steps() ? "max_seconds" : "steps");
  FillEnergy(ended, &summary);
  FillFidelity(ended, &summary);
  FillNetworks(ended.statistics, prediction, &summary);
  summary.set_predicted_step_seconds(prediction.step_seconds);
  summary.set_predicted_steps(prediction.steps);
  summary.set_compute_source(ComputeSource(summary));
  FillResults(ended.results, &summary);
  summary.set_attempts(ended.attempts);
  summary.set_steps_repeated(ended.steps_repeated);
  summary.set_seconds_lost(ended.seconds_lost);
  summary.set_status(ended.outcome);
  summary.set_error(std::string(ended.failure.message()));
  return summary;
}

}  // namespace edgetp
