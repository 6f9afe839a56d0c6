// --strategy and what belongs to it, for commands that plan and simulate without running anything.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/strategy.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// As typed.
struct StrategyFlags {
  std::vector<std::string> strategies;  // each a list (SplitStrategies); empty: none was asked for
  std::optional<std::string> schedule;
  std::optional<std::string> bucket;
  std::optional<int> inner_steps;
  std::vector<int> stages;

  bool asked() const { return !strategies.empty(); }
};

void AddPlannedStrategyFlags(CLI::App* command, StrategyFlags* flags);

// The strategies of all texts that were typed, for so many workers.
std::vector<std::string> StrategiesOf(const StrategyFlags& flags, int workers);

// `strategy` with the flags' options; plan and speeds are left as they are.
// Errors: InvalidArgument naming the flag; so where a flag is given that no strategy was asked for.
absl::StatusOr<StrategyOptions> ResolveStrategy(const StrategyFlags& flags,
                                                const std::string& strategy);
absl::Status CheckUnasked(const StrategyFlags& flags);

// What a config says by itself, likewise; absent: the workers share one model.
absl::StatusOr<std::optional<StrategyOptions>> StrategyOf(const v1::RunConfig& config);

}  // namespace edgetp
