// Exchanges of which a source says what they take: fewer of them, or under compute.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/plan/pattern.h"
#include "common/published/row_prices.h"
#include "common/simulate/timeline.h"

namespace edgetp {
namespace {

// Without rates, an all-reduce takes the delay and nothing else.
constexpr char kAlgorithm[] = "direct";
constexpr int kBlockingPerLayer = 2;

absl::StatusOr<StepPlan> TokenPlan(const v1::PublishedSyncs& work) {
  PlanOptions options;
  // Only how computing is divided among sub-blocks follows from the widths; its total is published.
  constexpr int kHeads = 64, kHeadSize = 128, kVocabulary = 32'000;
  options.shape = {.layers = work.layers(),
                   .heads = std::max(kHeads, work.ranks()),
                   .channels = std::max(kHeads, work.ranks()) * kHeadSize,
                   .sequence = 1,
                   .vocabulary = kVocabulary};
  options.world_size = work.ranks();
  ASSIGN_OR_RETURN(options.pattern,
                   Pattern::Parse(absl::StrCat(work.letter(), "*", work.layers()), work.layers()));
  return BuildNextTokenPlan(options);
}

// Durations of all ranks' compute segments that add up to `seconds` for each.
ComputeTable ComputeOf(const StepPlan& plan, double seconds) {
  DeviceOptions device;
  device.flops_per_second = 1e12;  // any
  ComputeTable table = BuildComputeTable(plan, {device});
  for (std::vector<absl::Duration>& rank : table) {
    absl::Duration sum;
    for (const absl::Duration segment : rank) sum += segment;
    for (absl::Duration& segment : rank)
      segment = absl::Seconds(seconds * absl::FDivDuration(segment, sum));
  }
  return table;
}

absl::StatusOr<StepTimeline> Run(const StepPlan& plan, double compute_seconds, double delay_seconds,
                                 double overlap_efficiency) {
  TimelineOptions options;
  options.world_size = plan.world_size;
  options.algorithm = kAlgorithm;
  options.network.link.delay = absl::Seconds(delay_seconds);
  DeviceOptions device;
  device.overlap_efficiency = overlap_efficiency;
  options.devices = {device};
  ASSIGN_OR_RETURN(TimelineSimulator simulator, TimelineSimulator::Create(std::move(options)));
  return simulator.RunStep(plan, ComputeOf(plan, compute_seconds));
}

// What an input says that all inner steps take together.
double RoundComputeSeconds(const v1::PublishedRow& input) {
  return input.rounds().exchange_seconds() * input.share() / (1 - input.share());
}

StepPlan RoundPlan(int inner_steps) {
  constexpr int kRanks = 2;
  std::vector<PlanStep> steps(inner_steps, ComputeStep{Phase::kForward, -1, /*flops=*/1e12, 0});
  steps.push_back(CollectiveStep{CollectiveTag{TrafficClass::kGradSync}, 1, WireFormat()});
  StepPlan plan;
  plan.world_size = kRanks;
  plan.steps.assign(kRanks, steps);
  return plan;
}

}  // namespace

absl::StatusOr<double> PriceSyncsRow(const PublishedCase& row) {
  const v1::PublishedSyncs& work = row.row.syncs();
  const double compute_seconds = work.batch() / work.without_tokens_per_second();
  const double exchange_seconds =
      work.batch() / work.blocking_tokens_per_second() - compute_seconds;
  const double efficiency = work.has_overlap_efficiency() ? work.overlap_efficiency() : 1;
  ASSIGN_OR_RETURN(const StepPlan plan, TokenPlan(work));
  ASSIGN_OR_RETURN(const StepTimeline timeline,
                   Run(plan, compute_seconds,
                       exchange_seconds / (kBlockingPerLayer * work.layers()), efficiency));
  return work.batch() / timeline.MeanSeconds();
}

absl::StatusOr<double> PriceRoundsRow(const PublishedCase& row) {
  const v1::PublishedRounds& work = row.row.rounds();
  ASSIGN_OR_RETURN(const StepTimeline timeline,
                   Run(RoundPlan(work.inner_steps()), RoundComputeSeconds(*row.input),
                       work.exchange_seconds(), /*overlap_efficiency=*/1));
  return absl::ToDoubleSeconds(timeline.MeanBreakdown().compute) / timeline.MeanSeconds();
}

}  // namespace edgetp
