#include "common/plan/strategy_report.h"

#include <algorithm>

#include "common/base/status_macros.h"
#include "common/plan/plan_report.h"

namespace edgetp {
namespace {

void CountLayer(int layer, v1::StrategyRank* out) {
  if (layer < 0) return;
  const int end = out->layers() == 0 ? layer + 1 : out->first_layer() + out->layers();
  const int first = out->layers() == 0 ? layer : std::min(out->first_layer(), layer);
  out->set_first_layer(first);
  out->set_layers(std::max(end, layer + 1) - first);
}

void CountCollective(int rank, const CollectiveStep& step, v1::StrategyRank* out) {
  if (step.part == CollectivePart::kWait) return;
  const bool sends = step.kind == CollectiveKind::kSend;
  const bool receives = sends && step.group.back() == rank;
  if (!sends) out->set_all_reduces(out->all_reduces() + 1);
  if (sends && !receives) out->set_sends(out->sends() + 1);
  if (receives) {
    out->set_receives(out->receives() + 1);
    return;
  }
  AddBytes(step.tag.traffic, static_cast<double>(step.wire_bytes()), out->mutable_bytes());
}

v1::StrategyRank RankOf(const StepPlan& plan, int rank) {
  v1::StrategyRank out;
  out.set_rank(rank);
  double flops = 0;
  for (const PlanStep& step : plan.steps[rank]) {
    if (const auto* compute = std::get_if<ComputeStep>(&step)) {
      flops += compute->flops;
      CountLayer(compute->layer, &out);
    } else {
      CountCollective(rank, std::get<CollectiveStep>(step), &out);
    }
  }
  out.set_flops(flops);
  out.set_parameters(plan.parameters[rank]);
  *out.mutable_memory_bytes() = ToProto(plan.memory[rank]);
  return out;
}

}  // namespace

v1::StrategyUse UseOf(const StrategyOptions& options, const StrategyPlan& strategy) {
  v1::StrategyUse use;
  use.set_name(options.strategy);
  use.set_tokens_per_step(strategy.tokens_per_step / strategy.updates);
  use.set_round_steps(strategy.updates);
  for (const int layers : strategy.stage_layers) use.add_stage_layers(layers);
  if (!strategy.stage_layers.empty()) use.set_schedule(NameOf(options.schedule));
  return use;
}

absl::StatusOr<v1::StrategyPlanReport> BuildStrategyReport(const std::string& model,
                                                           const StrategyOptions& options) {
  ASSIGN_OR_RETURN(const StrategyPlan strategy, BuildStrategyPlan(options));
  v1::StrategyPlanReport report;
  report.set_model(model);
  report.set_pattern(strategy.pattern.Expanded());
  report.set_workers(strategy.plan.world_size);
  *report.mutable_strategy() = UseOf(options, strategy);
  for (int rank = 0; rank < strategy.plan.world_size; ++rank)
    *report.add_ranks() = RankOf(strategy.plan, rank);
  return report;
}

}  // namespace edgetp
