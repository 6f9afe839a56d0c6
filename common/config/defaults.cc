#include "common/config/defaults.h"

#include "absl/strings/str_cat.h"
#include "common/collective/segments.h"
#include "common/config/load.h"
#include "common/config/schedule.h"
#include "common/plan/optimizer.h"

// config->set_field(value) unless the field is there. A macro: a field has no other handle in
// generated code.
#define EDGETP_DEFAULT(config, field, value) \
  if (!(config)->has_##field()) (config)->set_##field(value)

namespace edgetp {
namespace {

void FillLink(v1::LinkConfig* link) {
  EDGETP_DEFAULT(link, jitter_us, 0);
  EDGETP_DEFAULT(link, distribution, v1::LinkConfig::DISTRIBUTION_NORMAL);
  EDGETP_DEFAULT(link, correlation, 0);
  EDGETP_DEFAULT(link, loss, 0);
}

}  // namespace

void FillDefaults(v1::ModelConfig* model) {
  EDGETP_DEFAULT(model, name, "custom");
  EDGETP_DEFAULT(model, biases, true);
  EDGETP_DEFAULT(model, dropout, 0);
  EDGETP_DEFAULT(model, gelu, v1::GELU_TANH);
  EDGETP_DEFAULT(model, init, v1::INIT_GPT2);
  EDGETP_DEFAULT(model, tied_head, true);
}

void FillDefaults(v1::TrainConfig* train) {
  EDGETP_DEFAULT(train, steps, 2000);
  EDGETP_DEFAULT(train, batch, 12);
  EDGETP_DEFAULT(train, micro_batches, 1);
  EDGETP_DEFAULT(train, learning_rate, 1e-3);
  EDGETP_DEFAULT(train, min_learning_rate, 1e-4);
  EDGETP_DEFAULT(train, warmup_steps, 100);
  EDGETP_DEFAULT(train, decay_steps, train->steps());
  EDGETP_DEFAULT(train, schedule, kDefaultSchedule);
  if (HasStablePart(train->schedule()))
    EDGETP_DEFAULT(train, stable_steps, DefaultStableSteps(*train));
  EDGETP_DEFAULT(train, beta1, AdamWOptions().beta1);
  EDGETP_DEFAULT(train, beta2, AdamWOptions().beta2);
  EDGETP_DEFAULT(train, epsilon, AdamWOptions().epsilon);
  EDGETP_DEFAULT(train, weight_decay, AdamWOptions().weight_decay);
  EDGETP_DEFAULT(train, eval_interval, 250);
  EDGETP_DEFAULT(train, eval_windows, 200);
  EDGETP_DEFAULT(train, replica_check_interval, 100);
  EDGETP_DEFAULT(train, keep_checkpoints, 3);
}

void FillDefaults(v1::RecoveryConfig* recovery) {
  EDGETP_DEFAULT(recovery, on_loss, "fail");
  EDGETP_DEFAULT(recovery, rejoin_seconds, 60);
  EDGETP_DEFAULT(recovery, max_restarts, 3);
}

void FillDefaults(v1::CollectiveConfig* collective) {
  EDGETP_DEFAULT(collective, algorithm, "auto");
  EDGETP_DEFAULT(collective, wire_forward, "fp32");
  EDGETP_DEFAULT(collective, wire_backward, "fp32");
  EDGETP_DEFAULT(collective, wire_grad_sync, "fp32");
  EDGETP_DEFAULT(collective, segment_bytes, kDefaultSegmentBytes);
  EDGETP_DEFAULT(collective, slice_bytes, kDefaultSliceBytes);
}

void FillDefaults(v1::NetworkProfile* network) {
  EDGETP_DEFAULT(network, name, "custom");
  EDGETP_DEFAULT(network, interface_sharing, true);
  EDGETP_DEFAULT(network, shared_medium, false);
  EDGETP_DEFAULT(network, hop, v1::HOP_DIRECT);
  // Where there is a topology, a delay would replace those of its paths.
  if (!network->has_topology()) EDGETP_DEFAULT(network->mutable_link(), delay_us, 0);
  FillLink(network->mutable_link());
  for (v1::NetworkEvent& event : *network->mutable_events()) {
    // Without a link it is the name of a preset that nobody has looked up: validation says so.
    if (event.network().has_link()) FillDefaults(event.mutable_network());
  }
}

void FillDefaults(v1::RunConfig* config) {
  FillDefaults(config->mutable_model());
  FillDefaults(config->mutable_train());
  FillDefaults(config->mutable_collective());
  FillDefaults(config->mutable_recovery());
  if (!config->has_network()) *config->mutable_network() = UnlimitedNetwork();
  FillDefaults(config->mutable_network());
  EDGETP_DEFAULT(config, seed, 1337);
  EDGETP_DEFAULT(config, merge, v1::MERGE_SUM_LAST);
  EDGETP_DEFAULT(config, workers, 2);
  EDGETP_DEFAULT(config, clock, v1::CLOCK_EMULATED);
  if (config->model().layers() > 0) {
    EDGETP_DEFAULT(config, pattern, absl::StrCat("t*", config->model().layers()));
  }
}

}  // namespace edgetp

#undef EDGETP_DEFAULT
