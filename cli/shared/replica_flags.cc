#include "cli/shared/replica_flags.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/units.h"

namespace edgetp {
namespace {

constexpr char kDataParallel[] = "data";
constexpr char kLocalSteps[] = "local";
constexpr char kStrategyText[] =
    "tensor: the workers share one model (default); data: a replica on each, with batches of its "
    "own, whose gradients are summed in every step; local: replicas that exchange what they have "
    "learned every --inner_steps";

void AddReplicaFlags(CLI::App* command, RunFlags* flags) {
  command->add_option("--bucket", flags->bucket,
                      "of data: gradients that are summed together; default: 25MiB");
  command->add_option("--inner_steps", flags->inner_steps,
                      "of local: steps from one exchange to the next; default: 100");
}

}  // namespace

void ApplyStrategy(const RunFlags& flags, Faults* faults, v1::RunConfig* config) {
  if (!flags.strategy && !flags.bucket && !flags.inner_steps) return;
  v1::ParallelConfig* const parallel = config->mutable_parallel();
  if (flags.strategy.has_value()) {
    parallel->set_strategy(*flags.strategy);
    if (*flags.strategy != kDataParallel) parallel->clear_bucket_bytes();
    if (*flags.strategy != kLocalSteps) {
      parallel->clear_inner_steps();
      parallel->clear_outer_learning_rate();
      parallel->clear_outer_momentum();
    }
  }
  if (flags.bucket.has_value()) {
    const auto bytes = ParseBytes(*flags.bucket);
    faults->Add(Annotate(bytes.status(), "--bucket"));
    if (bytes.ok()) parallel->set_bucket_bytes(*bytes);
  }
  if (flags.inner_steps.has_value()) parallel->set_inner_steps(*flags.inner_steps);
}

void ForgetStrategy(v1::RunConfig* config) {
  v1::ParallelConfig* const parallel = config->mutable_parallel();
  parallel->clear_strategy();
  parallel->clear_bucket_bytes();
  parallel->clear_inner_steps();
  parallel->clear_outer_learning_rate();
  parallel->clear_outer_momentum();
}

void AddStrategyFlag(CLI::App* command, RunFlags* flags) {
  command->add_option("--strategy", flags->strategy, kStrategyText);
  AddReplicaFlags(command, flags);
}

void AddStrategyList(CLI::App* command, RunFlags* flags, std::vector<std::string>* strategies) {
  command->add_option("--strategy", *strategies, absl::StrCat(kStrategyText, "; separated by ','"))
      ->delimiter(',');
  AddReplicaFlags(command, flags);
}

RunFlags WithStrategy(RunFlags flags, const std::optional<std::string>& strategy,
                      const std::vector<std::string>& all) {
  const auto belongs_to_another = [&](const char* name) {
    return strategy != name && std::find(all.begin(), all.end(), name) != all.end();
  };
  flags.strategy = strategy;
  if (belongs_to_another(kDataParallel)) flags.bucket.reset();
  if (belongs_to_another(kLocalSteps)) flags.inner_steps.reset();
  return flags;
}

}  // namespace edgetp
