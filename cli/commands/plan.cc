// edgetp plan: what a run will do and need, before anything runs.
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/shared/command.h"
#include "cli/shared/report_tables.h"
#include "cli/shared/run_options.h"
#include "cli/shared/strategy_flags.h"
#include "cli/shared/strategy_tables.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/plan/plan_report.h"
#include "common/plan/strategy_report.h"

namespace edgetp {
namespace {

constexpr char kPlanExamples[] = R"(Examples:
  edgetp plan --model=minigpt --pattern=sppp --workers=2
  edgetp plan --pattern=help
  edgetp plan --model=gpt2 --pattern='t*12' --workers=2 --vocabulary_parallel
  edgetp plan --model=gpt2 --pattern='(sppp)*3' --workers=2 --batch=12 --sequence=1024 --wire=bf16 --format=json
  edgetp plan --model=gpt2 --workers=2 --batch=12 --recompute
  edgetp plan --pattern=tttt --overlap='rows(2)'
  edgetp plan --model=gpt2 --workers=4 --batch=1 --micro_batches=8 --strategy=pipeline
  edgetp plan --model=gpt2 --workers=4 --strategy=data=2,tensor=2)";

struct PlanFlags {
  RunFlags run;
  StrategyFlags strategy;
  OutputFormat format = OutputFormat::kTable;
};

absl::StatusOr<v1::PlanReport> MakePlan(const v1::RunConfig& config) {
  ASSIGN_OR_RETURN(const PlanOptions options, ToPlanOptions(config));
  return BuildPlanReport(config.model().name(), options);
}

// Absent: the workers share one model, and nobody asked.
absl::StatusOr<std::optional<StrategyOptions>> AskedStrategy(const StrategyFlags& flags,
                                                             const v1::RunConfig& config) {
  RETURN_IF_ERROR(CheckUnasked(flags));
  if (!flags.asked()) return StrategyOf(config);
  const std::vector<std::string> strategies = StrategiesOf(flags, config.workers());
  if (strategies.size() == 1) return ResolveStrategy(flags, strategies.front());
  return absl::InvalidArgumentError(
      absl::StrCat("--strategy: one at a time (got ", absl::StrJoin(strategies, "; "), ")"));
}

absl::StatusOr<v1::StrategyPlanReport> MakeStrategyPlan(const v1::RunConfig& config,
                                                        StrategyOptions options) {
  ASSIGN_OR_RETURN(options.plan, ToPlanOptions(config));
  for (const v1::DeviceProfile& device : config.devices())
    options.speeds.push_back(device.flops_per_second());
  return BuildStrategyReport(config.model().name(), options);
}

template <typename Plan, typename MakeTable>
ExitCode Show(OutputFormat format, const absl::StatusOr<Plan>& plan, MakeTable table) {
  if (!plan.ok()) return Report(plan.status());
  PrintResult(format, *plan, table(*plan));
  return kExitDone;
}

ExitCode Run(const PlanFlags& flags) {
  if (flags.run.pattern == "help") return PrintPatterns(flags.format);
  RunFlags run = flags.run;
  run.plans_strategy = flags.strategy.asked();
  const auto config = ResolvePlan(run);
  if (!config.ok()) return Report(config.status());
  const auto strategy = AskedStrategy(flags.strategy, *config);
  if (!strategy.ok()) return Report(strategy.status());
  if (strategy->has_value())
    return Show(flags.format, MakeStrategyPlan(*config, **strategy), StrategyPlanTable);
  return Show(flags.format, MakePlan(*config), PlanTable);
}

}  // namespace

void AddPlan(CLI::App& app, Command* command) {
  auto flags = std::make_shared<PlanFlags>();
  CLI::App* plan = app.add_subcommand(
      "plan", "Sync points, bytes, compute and memory of a run, without running it");
  AddPatternFlags(plan, &flags->run);
  AddModelFlags(plan, &flags->run);
  plan->add_option("--micro_batches", flags->run.micro_batches, "per step, one after another");
  AddPlannedStrategyFlags(plan, &flags->strategy);
  AddParallelFlags(plan, &flags->run);
  AddMemoryFlags(plan, &flags->run);
  AddWireFlags(plan, &flags->run);
  AddOverlapFlag(plan, &flags->run);
  AddPresetFlags(plan, &flags->run);
  AddFormatFlag(plan, &flags->format);
  plan->footer(kPlanExamples);
  plan->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
