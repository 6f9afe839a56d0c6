#include "worker/job/run_recorder.h"

#include <algorithm>
#include <utility>

namespace edgetp {

void RunRecorder::OnCollective(const CollectiveObservation& observation) {
  if (observation.tag.traffic == TrafficClass::kControl) metrics_->Control(observation.bytes_sent);
  if (!simulated_) metrics_->AllReduce(observation.tag, observation.algorithm, observation.seconds);
}

void RunRecorder::OnSent(int destination, int64_t bytes) {
  Link(rank_, destination).sent_bytes->Increment(static_cast<double>(bytes));
}

void RunRecorder::OnDelivery(const Delivery& delivery) {
  LinkMetrics& link = Link(delivery.source, rank_);
  link.messages->Increment();
  link.asked_delay_seconds->Increment(absl::ToDoubleSeconds(delivery.asked));
  link.realised_delay_seconds->Increment(absl::ToDoubleSeconds(delivery.realised));
  link.queueing_seconds->Increment(absl::ToDoubleSeconds(delivery.queueing));
}

LinkMetrics& RunRecorder::Link(int source, int destination) {
  const auto key = std::make_pair(source, destination);
  const auto found = links_.find(key);
  if (found != links_.end()) return found->second;
  return links_.emplace(key, metrics_->Link(source, destination)).first->second;
}

void RunRecorder::OnStep(const StepStats& stats, const v1::StepReport& report) {
  simulated_ ? metrics_->UntimedStep(report) : metrics_->Step(report);
  std::deque<StepCost>& recent = recent_[stats.compute_gaps.size()];
  StepCost& cost = recent.emplace_back();
  cost.compute_seconds = stats.breakdown_seconds.compute();
  for (const absl::Duration gap : stats.compute_gaps) {
    cost.gap_seconds.push_back(static_cast<float>(absl::ToDoubleSeconds(gap)));
  }
  cost.exposed_software_seconds = absl::ToDoubleSeconds(stats.exposed_software);
  cost.messages = static_cast<double>(stats.messages);
  cost.staging_seconds = stats.breakdown_seconds.staging();
  cost.staged_bytes = stats.staged_bytes;
  if (recent.size() > kRecentSteps) recent.pop_front();
}

std::vector<const RunRecorder::StepCost*> RunRecorder::MiddleHalf(
    const std::deque<StepCost>& costs) {
  std::vector<const StepCost*> steps;
  for (const StepCost& cost : costs) steps.push_back(&cost);
  std::sort(steps.begin(), steps.end(), [](const StepCost* a, const StepCost* b) {
    return a->compute_seconds < b->compute_seconds;
  });
  const size_t quarter = steps.size() / 4;
  return {steps.begin() + quarter, steps.end() - quarter};
}

void RunRecorder::FillResult(v1::JobResult* result) const {
  double software = 0;
  double messages = 0;
  double staging = 0;
  double staged_bytes = 0;
  for (const auto& [segments, costs] : recent_) {
    const std::vector<const StepCost*> steps = MiddleHalf(costs);
    std::vector<double> gaps(segments);
    for (const StepCost* step : steps) {
      for (size_t i = 0; i < gaps.size(); ++i) gaps[i] += step->gap_seconds[i];
      software += step->exposed_software_seconds;
      messages += step->messages;
      staging += step->staging_seconds;
      staged_bytes += step->staged_bytes;
    }
    const bool typical = segments == recent_.begin()->first;
    auto* const seconds_of =
        typical ? result->mutable_compute_seconds() : result->mutable_exchange_compute_seconds();
    for (const double seconds : gaps)
      seconds_of->Add(static_cast<float>(seconds / static_cast<double>(steps.size())));
  }
  // Every message costs its sender and its receiver; a rank receives as many as it sends.
  if (messages > 0) result->set_message_overhead_us(software * 1e6 / (2 * messages));
  if (staging > 0) result->set_staging_bytes_per_second(staged_bytes / staging);
}

}  // namespace edgetp
