// From config messages to the plain structs that plan, model and simulator take. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/data_parallel.h"
#include "common/plan/llama_plan.h"
#include "common/plan/model_shape.h"
#include "common/plan/overlap.h"
#include "common/plan/step_plan.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// Errors: InvalidArgument if a size is absent (vocabulary included).
absl::StatusOr<ModelShape> ToModelShape(const v1::ModelConfig& model);

// What a run's `parallel` says; none where it says nothing.
// Errors: those of Overlap::Parse.
absl::StatusOr<Overlap> ToOverlap(const v1::RunConfig& config);

// What `parallel.strategy` and its fields say, as far as workers can execute it.
// Errors: InvalidArgument naming the word and those that are known.
absl::StatusOr<ReplicaOptions> ToReplicaOptions(const v1::RunConfig& config);

// "tensor", "data", "local": as a config names it.
const char* NameOf(Replicas exchange);

// Sequences that a step of the run has on all ranks together, micro-batches included: replicas have
// batches of their own.
double SequencesPerStep(const v1::RunConfig& config);

// Whether the output matrix is the embedding: the default of an absent field.
bool HasTiedHead(const v1::ModelConfig& model);

// Of a run whose defaults are filled.
// Errors: those of ToModelShape, Pattern::Parse, WireFormat::Parse and ToOverlap.
absl::StatusOr<PlanOptions> ToPlanOptions(const v1::RunConfig& config);

// A Llama of published measurements, and what its program exchanges. They keep the rules of
// ValidateScenario.
LlamaShape ToLlamaShape(const v1::LlamaConfig& model);
LlamaSync ToLlamaSync(v1::BoardSet::Sync sync);

// Whether what encoding takes away from grad_sync is kept for the next step: what the config says,
// else where the format has 4 bits or fewer.
// Errors: those of WireFormat::Parse.
absl::StatusOr<bool> FeedsBackGradSync(const v1::CollectiveConfig& collective);

// The devices of a run: none (the host as it is), one for all ranks, or one per rank.
std::vector<v1::DeviceProfile> DevicesOf(const v1::RunConfig& config);

// Their names, as ParseDeviceMix reads them: "raspberry-pi-5*2+raspberry-pi-4"; empty without any.
std::string DescribeDevices(const v1::RunConfig& config);

}  // namespace edgetp
