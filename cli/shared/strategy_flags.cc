#include "cli/shared/strategy_flags.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/shared/command.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/units.h"

namespace edgetp {

void AddPlannedStrategyFlags(CLI::App* command, StrategyFlags* flags) {
  std::string help = "how the workers train one model: ";
  for (const StrategyRow& row : Strategies())
    absl::StrAppend(&help, row.name, " (", row.what, "), ");
  absl::StrAppend(&help, "or a mesh of them: data=2,tensor=4; separated by ','");
  const std::string group = "Strategies";
  command->add_option("--strategy", flags->strategies, help)->group(group);
  command
      ->add_option("--schedule", flags->schedule,
                   "of a pipeline: gpipe, or 1f1b (default), which keeps fewer activations")
      ->group(group);
  command
      ->add_option(
          "--stages", flags->stages,
          "of a pipeline: layers of each stage, as 3,3,4,2; default: by the devices' speeds")
      ->delimiter(',')
      ->group(group);
  command
      ->add_option("--bucket", flags->bucket,
                   "of data: gradients that are summed together; default: 25MiB")
      ->group(group);
  command
      ->add_option("--inner_steps", flags->inner_steps,
                   "of local: steps from one exchange to the next; default: 100")
      ->group(group);
}

std::vector<std::string> StrategiesOf(const StrategyFlags& flags, int workers) {
  std::vector<std::string> strategies;
  for (const std::string& text : flags.strategies) {
    for (std::string& strategy : SplitStrategies(text, workers))
      strategies.push_back(std::move(strategy));
  }
  return strategies;
}

absl::StatusOr<StrategyOptions> ResolveStrategy(const StrategyFlags& flags,
                                                const std::string& strategy) {
  StrategyOptions options;
  options.strategy = strategy;
  if (flags.schedule.has_value()) {
    const auto schedule = ParsePipelineSchedule(*flags.schedule);
    if (!schedule.ok()) return Annotate(schedule.status(), "--schedule");
    options.schedule = *schedule;
  }
  if (flags.bucket.has_value()) {
    const auto bytes = ParseBytes(*flags.bucket);
    if (!bytes.ok()) return Annotate(bytes.status(), "--bucket");
    options.bucket_bytes = *bytes;
  }
  options.inner_steps = flags.inner_steps.value_or(options.inner_steps);
  options.stage_layers = flags.stages;
  return options;
}

absl::Status CheckUnasked(const StrategyFlags& flags) {
  if (flags.asked()) return absl::OkStatus();
  const std::pair<const char*, bool> given[] = {{"--schedule", flags.schedule.has_value()},
                                                {"--bucket", flags.bucket.has_value()},
                                                {"--inner_steps", flags.inner_steps.has_value()},
                                                {"--stages", !flags.stages.empty()}};
  for (const auto& [name, present] : given) {
    if (present)
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": belongs to --strategy, which is absent"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<StrategyOptions>> StrategyOf(const v1::RunConfig& config) {
  ASSIGN_OR_RETURN(const ReplicaOptions replicas, ToReplicaOptions(config));
  if (!replicas.replicated()) return std::nullopt;
  StrategyOptions options;
  options.strategy = NameOf(replicas.exchange);
  options.bucket_bytes = replicas.bucket_bytes;
  options.inner_steps = replicas.inner_steps;
  return options;
}

}  // namespace edgetp
