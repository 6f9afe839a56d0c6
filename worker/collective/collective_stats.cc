#include "worker/collective/collective_stats.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "common/plan/plan_report.h"

namespace edgetp {
namespace {

constexpr size_t kMaxSamples = 1 << 16;

}  // namespace

void ErrorSamples::Add(absl::Duration error) {
  const double us = absl::ToDoubleMicroseconds(error);
  max_us_ = std::max(max_us_, us);
  if (seen_++ % stride_ != 0) return;
  samples_us_.push_back(static_cast<float>(us));
  if (samples_us_.size() < kMaxSamples) return;
  for (size_t i = 0; i < kMaxSamples / 2; ++i) samples_us_[i] = samples_us_[2 * i];
  samples_us_.resize(kMaxSamples / 2);
  stride_ *= 2;
}

double ErrorSamples::P99Microseconds() const {
  if (samples_us_.empty()) return 0;
  std::vector<float> samples = samples_us_;
  const size_t index =
      static_cast<size_t>(std::ceil(0.99 * static_cast<double>(samples.size()))) - 1;
  std::nth_element(samples.begin(), samples.begin() + static_cast<ptrdiff_t>(index), samples.end());
  return samples[index];
}

void StatsCollector::AddCompute(absl::Duration gap) {
  gaps_.push_back(gap + std::exchange(thread_software_, absl::ZeroDuration()));
  time_.compute += gap;
}

void StatsCollector::AddCollective(const CollectiveTag& tag, const ExecutionReport& report,
                                   bool in_step) {
  if (in_step) {
    time_ += report.time;
    exposed_software_ += report.exposed_software;
  }
  messages_ += report.messages_sent;
  const int64_t bytes =
      std::accumulate(report.bytes_sent.begin(), report.bytes_sent.end(), int64_t{0});
  AddBytes(tag.traffic, static_cast<double>(bytes), &bytes_);
  for (const Delivery& delivery : report.deliveries) {
    Count([&delivery](Emulation& emulation) {
      ++emulation.messages;
      emulation.late_messages += delivery.late ? 1 : 0;
      emulation.held_messages += delivery.held ? 1 : 0;
      emulation.lost += delivery.lost;
      emulation.clock += delivery.clock;
      emulation.clock_bound = std::max(emulation.clock_bound, delivery.clock_bound);
      emulation.errors.Add(delivery.error);
    });
  }
}

void StatsCollector::AddThreadSoftware(absl::Duration span) {
  time_.software += span;
  thread_software_ += span;
}

void StatsCollector::AddStaging(absl::Duration span, int64_t bytes) {
  time_.staging += span;
  staged_bytes_ += static_cast<double>(bytes);
}

void StatsCollector::AddLag(const HostLag& lag) {
  Count([&lag](Emulation& emulation) {
    emulation.lost += lag.late;
    emulation.overrun += lag.overrun;
  });
}

void StatsCollector::AddElapsed(absl::Duration elapsed, absl::Duration rest) {
  time_.compute += rest;
  elapsed_ += elapsed;
  Count([elapsed](Emulation& emulation) { emulation.elapsed += elapsed; });
}

v1::Fidelity StatsCollector::FidelityOf(const Emulation& emulation) {
  v1::Fidelity fidelity;
  fidelity.set_messages(static_cast<double>(emulation.messages));
  fidelity.set_late_messages(static_cast<double>(emulation.late_messages));
  fidelity.set_late_seconds(absl::ToDoubleSeconds(emulation.lost));
  fidelity.set_overrun_seconds(absl::ToDoubleSeconds(emulation.overrun));
  fidelity.set_error_p99_us(emulation.errors.P99Microseconds());
  fidelity.set_error_max_us(emulation.errors.MaxMicroseconds());
  fidelity.set_elapsed_seconds(absl::ToDoubleSeconds(emulation.elapsed));
  fidelity.set_held_by_senders(emulation.held_messages > 0);
  fidelity.set_clock_bound_us(absl::ToDoubleMicroseconds(emulation.clock_bound));
  fidelity.set_clock_seconds(absl::ToDoubleSeconds(emulation.clock));
  return fidelity;
}

v1::Fidelity StatsCollector::TotalFidelity() const { return FidelityOf(total_); }

StepStats StatsCollector::Take() {
  StepStats stats;
  stats.elapsed = elapsed_;
  stats.breakdown_seconds = ToProto(time_);
  stats.bytes = bytes_;
  stats.hidden = std::exchange(hidden_, absl::ZeroDuration());
  stats.exposed_software = exposed_software_;
  stats.messages = messages_;
  stats.staged_bytes = std::exchange(staged_bytes_, 0);
  stats.fidelity = FidelityOf(step_);
  stats.compute_gaps = std::move(gaps_);
  elapsed_ = absl::ZeroDuration();
  time_ = TimeBreakdown();
  exposed_software_ = absl::ZeroDuration();
  messages_ = 0;
  gaps_.clear();
  thread_software_ = absl::ZeroDuration();
  bytes_.Clear();
  step_ = Emulation();
  return stats;
}

}  // namespace edgetp
