#include "common/simulate/timeline.h"

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/collective/registry.h"
#include "common/simulate/engine.h"

namespace edgetp {

TimeBreakdown StepTimeline::MeanBreakdown() const {
  TimeBreakdown sum;
  for (const RankStep& rank : ranks) sum += rank.breakdown;
  return sum / static_cast<int64_t>(ranks.size());
}

double StepTimeline::MeanSeconds() const {
  absl::Duration sum;
  for (const RankStep& rank : ranks) sum += rank.end - rank.begin;
  return absl::ToDoubleSeconds(sum) / static_cast<double>(ranks.size());
}

absl::Duration StepTimeline::MeanHidden() const {
  absl::Duration sum;
  for (const RankStep& rank : ranks) sum += rank.hidden;
  return sum / static_cast<int64_t>(ranks.size());
}

absl::StatusOr<TimelineSimulator> TimelineSimulator::Create(TimelineOptions options) {
  if (options.world_size < 1 || options.segment_bytes < 1 || options.slice_bytes < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "simulator: world_size, segment_bytes and slice_bytes must be at least 1 (world_size=",
        options.world_size, " segment_bytes=", options.segment_bytes,
        " slice_bytes=", options.slice_bytes, ")"));
  }
  const size_t devices = options.devices.size();
  if (devices > 1 && devices != static_cast<size_t>(options.world_size)) {
    return absl::InvalidArgumentError(
        absl::StrCat("simulator: devices must be one for all or one per rank (devices=", devices,
                     " world_size=", options.world_size, ")"));
  }
  if (options.algorithm != "auto") RETURN_IF_ERROR(FindAlgorithm(options.algorithm).status());
  return TimelineSimulator(std::make_unique<Engine>(std::move(options)));
}

TimelineSimulator::TimelineSimulator(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
TimelineSimulator::TimelineSimulator(TimelineSimulator&&) noexcept = default;
TimelineSimulator& TimelineSimulator::operator=(TimelineSimulator&&) noexcept = default;
TimelineSimulator::~TimelineSimulator() = default;

absl::StatusOr<StepTimeline> TimelineSimulator::RunStep(const StepPlan& plan,
                                                        const ComputeTable& compute,
                                                        TimelineObserver* observer) {
  return engine_->RunStep(plan, compute, observer);
}

void TimelineSimulator::SetNetwork(NetworkOptions network) {
  engine_->SetNetwork(std::move(network));
}

std::string TimelineSimulator::AlgorithmFor(int64_t elements, const WireFormat& wire) {
  return AlgorithmFor(CollectiveStep{CollectiveTag{}, elements, wire});
}

std::string TimelineSimulator::AlgorithmFor(const CollectiveStep& collective) {
  return engine_->ScheduleOf(collective).algorithm;
}

double TimelineSimulator::BytesOnTheWirePerRank(const StepPlan& plan) {
  double bytes = 0;
  ForEachCollective(plan, [&](const CollectiveStep& step) { bytes += engine_->BytesSent(step); });
  return bytes / plan.world_size;
}

int64_t TimelineSimulator::Segments(const StepPlan& plan) {
  int64_t segments = 0;
  ForEachCollective(plan,
                    [&](const CollectiveStep& step) { segments += engine_->SegmentsOf(step); });
  return segments;
}

const SimulatorCounts& TimelineSimulator::counts() const { return engine_->counts(); }

}  // namespace edgetp
