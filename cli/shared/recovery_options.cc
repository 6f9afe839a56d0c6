#include "cli/shared/recovery_options.h"

#include "cli/shared/command.h"

namespace edgetp {

void AddRecoveryFlags(CLI::App* command, RecoveryFlags* flags) {
  const std::string group = "Checkpoints and recovery";
  command
      ->add_option(
          "--on_loss", flags->on_loss,
          "when a worker is lost: fail (default), wait (for a new one, then go on from the "
          "newest checkpoint), reshard (go on with those that are left)")
      ->check(OneOf({"fail", "wait", "reshard"}))
      ->group(group);
  command
      ->add_option("--rejoin_seconds", flags->rejoin_seconds,
                   "how long --on_loss=wait waits for a worker; default: 60")
      ->group(group);
  command
      ->add_option("--max_restarts", flags->max_restarts,
                   "how often the run begins again without a new checkpoint in between; default: 3")
      ->group(group);
  command
      ->add_option("--checkpoint_interval", flags->checkpoint_interval,
                   "steps from one checkpoint to the next; default: one after the last step")
      ->group(group);
  command
      ->add_option("--keep_checkpoints", flags->keep_checkpoints,
                   "the newest so many, and the best by validation loss; default: 3")
      ->group(group);
}

void ApplyRecovery(const RecoveryFlags& flags, v1::RunConfig* config) {
  if (flags.on_loss.has_value()) config->mutable_recovery()->set_on_loss(*flags.on_loss);
  if (flags.rejoin_seconds.has_value())
    config->mutable_recovery()->set_rejoin_seconds(*flags.rejoin_seconds);
  if (flags.max_restarts.has_value())
    config->mutable_recovery()->set_max_restarts(*flags.max_restarts);
  if (flags.checkpoint_interval.has_value())
    config->mutable_train()->set_checkpoint_interval(*flags.checkpoint_interval);
  if (flags.keep_checkpoints.has_value())
    config->mutable_train()->set_keep_checkpoints(*flags.keep_checkpoints);
}

DeadWorkers DeadWorkersOf(const v1::RunConfig& config) {
  const std::string& rule = config.recovery().on_loss();
  return rule == "wait"      ? DeadWorkers::kReplace
         : rule == "reshard" ? DeadWorkers::kDoWithout
                             : DeadWorkers::kEndIt;
}

}  // namespace edgetp
