#include "common/advise/candidates.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/advise/devices.h"
#include "common/advise/patterns.h"
#include "common/base/status_macros.h"
#include "common/config/load.h"
#include "common/simulate/compute_cost.h"

namespace edgetp {
namespace {

// What encoding takes away from gradients is kept for the next step by default from so few bits on
// (CollectiveConfig).
constexpr int kFewBits = 4;

bool CanOverlap(const AdviseProblem& problem, const AdviseGroup& group) {
  return group.workers() > 1 &&
         std::none_of(group.devices.begin(), group.devices.end(), [&](int device) {
           const v1::DeviceProfile& profile = problem.devices[device].profile;
           return profile.has_cores() && profile.cores() == 1;
         });
}

// Late sums, and buckets of gradients, need a thread of their own.
bool NeedsOverlap(const AdviseGroup& group) {
  return HasLateSums(group.pattern) || (group.strategy.replicas > 1 && !group.strategy.local);
}

void AddGroups(const AdviseProblem& problem, const std::vector<int>& devices,
               const AdviseStrategy& strategy, std::vector<AdviseGroup>* groups) {
  const ModelShape& shape = problem.base.plan.shape;
  std::vector<std::string> patterns = {DensePattern(shape)};
  std::vector<std::string> wires = {kExactWire};
  // Ranks that have whole tensors compute the dense model.
  if (!problem.exact && strategy.shards > 1) patterns = AdvisedPatterns(shape);
  if (!problem.exact && devices.size() > 1) wires = AdvisedWires();
  for (const std::string& pattern : patterns) {
    for (const std::string& wire : wires) {
      AdviseGroup group{strategy, devices, pattern, wire};
      if (NeedsOverlap(group) && !CanOverlap(problem, group)) continue;
      groups->push_back(std::move(group));
    }
  }
}

std::vector<Overlap> OverlapsOf(const AdviseProblem& problem, const AdviseGroup& group, int batch) {
  std::vector<Overlap> overlaps = {Overlap{}};
  // Meshes and pipelines wait for their sums of activations where they start.
  const bool tensor_alone = group.strategy.shards == group.workers();
  if (!tensor_alone || !CanOverlap(problem, group)) return overlaps;
  overlaps.push_back({OverlapKind::kWeightGradients, 1});
  if (batch >= 2) overlaps.push_back({OverlapKind::kRows, 2});
  return overlaps;
}

std::vector<bool> VocabulariesOf(const AdviseProblem& problem, const AdviseGroup& group) {
  const bool can_share =
      group.strategy.shards > 1 && problem.base.plan.shape.vocabulary >= group.strategy.shards;
  return can_share ? std::vector<bool>{false, true} : std::vector<bool>{false};
}

// Descending.
std::vector<int> Divisors(int number) {
  std::vector<int> divisors;
  for (int divisor = number; divisor >= 1; --divisor) {
    if (number % divisor == 0) divisors.push_back(divisor);
  }
  return divisors;
}

}  // namespace

absl::StatusOr<std::vector<double>> DeviceSpeeds(const AdviseProblem& problem) {
  std::vector<double> speeds;
  for (size_t device = 0; device < problem.devices.size(); ++device) {
    ASSIGN_OR_RETURN(const SimulateCase alone,
                     CaseOf(problem, DenseAlone(problem, static_cast<int>(device))));
    ASSIGN_OR_RETURN(const StepPlan plan, BuildStepPlan(alone.forecast.plan));
    absl::Duration step;
    for (const absl::Duration segment :
         SegmentDurations(plan.steps[0], ToDeviceOptions(alone.forecast.devices[0])))
      step += segment;
    // A profile without rates computes in no time.
    speeds.push_back(problem.sequences / std::max(absl::ToDoubleSeconds(step), 1e-12));
  }
  return speeds;
}

AdviseSpace BuildAdviseSpace(const AdviseProblem& problem, const std::vector<double>& speeds) {
  AdviseSpace space;
  for (const std::vector<int>& devices : DeviceSubsets(problem, speeds, &space.left_out)) {
    const auto workers = static_cast<int>(devices.size());
    for (const AdviseStrategy& strategy :
         StrategiesOf(workers, problem.base.plan.shape, problem.sequences)) {
      if (problem.exact && strategy.local) continue;
      AddGroups(problem, devices, strategy, &space.groups);
    }
  }
  return space;
}

std::vector<AdviseLayout> LayoutsOf(const AdviseProblem& problem, const AdviseGroup& group) {
  const int sequences = problem.sequences / group.strategy.replicas;
  std::vector<AdviseLayout> layouts;
  for (const std::vector<int>& devices : OrdersOf(problem, group)) {
    for (const int batch : Divisors(sequences)) {
      for (const Overlap& overlap : OverlapsOf(problem, group, batch)) {
        for (const bool vocabulary : VocabulariesOf(problem, group))
          layouts.push_back({devices, batch, sequences / batch, overlap, vocabulary});
      }
    }
  }
  return layouts;
}

AdviseCandidate DenseAlone(const AdviseProblem& problem, int device) {
  const std::string pattern = DensePattern(problem.base.plan.shape);
  AdviseCandidate candidate{{AdviseStrategy(), {device}, pattern, kExactWire}, {}, {}};
  candidate.layout.devices = {device};
  candidate.layout.batch = problem.sequences;
  return candidate;
}

absl::StatusOr<SimulateCase> CaseOf(const AdviseProblem& problem,
                                    const AdviseCandidate& candidate) {
  const auto& [group, layout, split] = candidate;
  SimulateCase run;
  run.model = problem.model;
  run.forecast = problem.base;
  PlanOptions& plan = run.forecast.plan;
  plan.world_size = group.workers();
  plan.split = split;
  plan.vocabulary_parallel = layout.vocabulary_parallel;
  plan.batch = layout.batch;
  plan.micro_batches = layout.micro_batches;
  plan.overlap = layout.overlap;
  plan.recompute = layout.recompute ? Recompute::kStages : Recompute::kNone;
  ASSIGN_OR_RETURN(plan.pattern, Pattern::Parse(group.pattern, plan.shape.layers));
  ASSIGN_OR_RETURN(const WireFormat wire, WireFormat::Parse(group.wire));
  const bool replicas_alone = group.strategy.replicas == group.workers();
  plan.wire_forward = plan.wire_backward = replicas_alone ? WireFormat() : wire;
  plan.wire_grad_sync = group.strategy.replicas > 1 ? wire : WireFormat();
  plan.feedback_grad_sync = plan.wire_grad_sync.bits() <= kFewBits;
  run.forecast.devices.clear();
  for (const int device : layout.devices)
    run.forecast.devices.push_back(problem.devices[device].profile);
  // Whatever it says of ranks, a device alone has no network.
  if (group.workers() == 1) run.forecast.network = UnlimitedNetwork();
  if (group.strategy.shards == group.workers()) return run;
  run.strategy.emplace();
  run.strategy->strategy = group.strategy.name;
  return run;
}

std::string NameOf(const AdviseCandidate& candidate) {
  const auto& [group, layout, split] = candidate;
  return absl::StrCat(group.strategy.name, " ", group.pattern, " ", group.wire, " ",
                      ToString(layout.overlap), layout.vocabulary_parallel ? " vocabulary" : "",
                      layout.recompute ? " recompute " : " ", layout.batch, "x",
                      layout.micro_batches, " on ", group.workers());
}

bool IsExact(const AdviseGroup& group) {
  const auto pattern = Pattern::Parse(group.pattern, 0);
  return group.wire == kExactWire && !group.strategy.local && pattern.ok() &&
         std::all_of(pattern->blocks().begin(), pattern->blocks().end(),
                     [](const auto& block) { return block.kind == BlockKind::kTensorParallel; });
}

}  // namespace edgetp
