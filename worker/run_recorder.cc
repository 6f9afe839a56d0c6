#include "worker/run_recorder.h"

#include <utility>

namespace edgetp {

void RunRecorder::OnCollective(const CollectiveObservation& observation) {
  metrics_->AllReduce(observation.tag, observation.algorithm, observation.seconds);
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
  metrics_->Step(report);
  step_seconds_.push_back(static_cast<float>(report.step_seconds()));
  if (averaged_steps_ == 1 &&
      step_seconds_.size() == 2) {  // now there is a better one than the first
    compute_seconds_.clear();
    software_seconds_ = 0;
    messages_ = 0;
    averaged_steps_ = 0;
  }
  compute_seconds_.resize(stats.compute_gaps.size());
  for (size_t i = 0; i < stats.compute_gaps.size(); ++i) {
    compute_seconds_[i] += absl::ToDoubleSeconds(stats.compute_gaps[i]);
  }
  software_seconds_ += stats.breakdown_seconds.software();
  messages_ += stats.messages;
  ++averaged_steps_;
}

void RunRecorder::FillResult(v1::JobResult* result) const {
  for (const float seconds : step_seconds_) result->add_step_seconds(seconds);
  for (const double seconds : compute_seconds_) {
    result->add_compute_seconds(static_cast<float>(seconds / averaged_steps_));
  }
  // Every message costs its sender and its receiver; a rank receives as many as it sends.
  if (messages_ > 0)
    result->set_message_overhead_us(software_seconds_ * 1e6 /
                                    (2.0 * static_cast<double>(messages_)));
}

}  // namespace edgetp
