// edgetp plan: what a run will do and need, before anything runs.
#include <memory>

#include "cli/shared/command.h"
#include "cli/shared/report_tables.h"
#include "cli/shared/run_options.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/plan/plan_report.h"

namespace edgetp {
namespace {

constexpr char kExamples[] = R"(Examples:
  edgetp plan --model=minigpt --pattern=sppp --workers=2
  edgetp plan --pattern=help
  edgetp plan --model=gpt2 --pattern='t*12' --workers=2 --vocabulary_parallel
  edgetp plan --model=gpt2 --pattern='(sppp)*3' --workers=2 --batch=12 --sequence=1024 --wire=bf16 --format=json
  edgetp plan --pattern=tttt --overlap='rows(2)')";

struct PlanFlags {
  RunFlags run;
  OutputFormat format = OutputFormat::kTable;
};

absl::StatusOr<v1::PlanReport> MakePlan(const RunFlags& flags) {
  ASSIGN_OR_RETURN(const v1::RunConfig config, ResolvePlan(flags));
  ASSIGN_OR_RETURN(const PlanOptions options, ToPlanOptions(config));
  return BuildPlanReport(config.model().name(), options);
}

ExitCode Run(const PlanFlags& flags) {
  if (flags.run.pattern == "help") return PrintPatterns(flags.format);
  const auto plan = MakePlan(flags.run);
  if (!plan.ok()) return Report(plan.status());
  PrintResult(flags.format, *plan, PlanTable(*plan));
  return kExitDone;
}

}  // namespace

void AddPlan(CLI::App& app, Command* command) {
  auto flags = std::make_shared<PlanFlags>();
  CLI::App* plan = app.add_subcommand(
      "plan", "Sync points, bytes, compute and memory of a run, without running it");
  AddPatternFlags(plan, &flags->run);
  AddModelFlags(plan, &flags->run);
  AddParallelFlags(plan, &flags->run);
  AddWireFlags(plan, &flags->run);
  AddOverlapFlag(plan, &flags->run);
  AddPresetFlags(plan, &flags->run);
  AddFormatFlag(plan, &flags->format);
  plan->footer(kExamples);
  plan->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
