// The step plans of any model, pattern, split, batch and strategy that the rules let pass: bounded
// in size, and with the same collectives on every rank, as many as pattern or strategy promise.
#include <cmath>

#include "common/config/convert.h"
#include "common/config/defaults.h"
#include "common/config/run_plans.h"
#include "common/config/validate.h"
#include "common/plan/step_plan.h"
#include "common/plan/strategy.h"
#include "tests/fuzz/fuzz.h"

namespace edgetp {
namespace {

// Sizes over all magnitudes, beyond every limit, too; their product is what must be bounded.
int AnySize(FuzzInput* input) { return static_cast<int>(input->Number() >> (input->Byte() % 32)); }

std::string AnyOverlap(FuzzInput* input) {
  switch (input->Byte() % 4) {
    case 0:
      return "NONE";
    case 1:
      return "DW";
    case 2:
      return "ROWS(" + std::to_string(AnySize(input)) + ")";
    default:
      return input->Text(16);
  }
}

void AnyStrategy(FuzzInput* input, v1::ParallelConfig* parallel) {
  switch (input->Byte() % 4) {
    case 1:
      parallel->set_strategy("data");
      parallel->set_bucket_bytes(uint64_t{input->Number()} << (input->Byte() % 24));
      return;
    case 2:
      parallel->set_strategy("local");
      parallel->set_inner_steps(AnySize(input));
      return;
    default:
      return;  // tensor
  }
}

v1::RunConfig AnyConfig(FuzzInput* input) {
  v1::RunConfig config;
  v1::ModelConfig* const model = config.mutable_model();
  model->set_layers(AnySize(input));
  model->set_heads(AnySize(input));
  const int head_size = 1 + input->Byte();
  model->set_channels(input->Byte() % 8 == 0 ? AnySize(input)
                                             : (model->heads() & 0xffff) * head_size);
  model->set_sequence(AnySize(input));
  model->set_vocabulary(AnySize(input));
  model->set_biases(input->Byte() % 2 == 0);
  config.set_workers(AnySize(input));
  config.mutable_train()->set_batch(AnySize(input));
  config.mutable_train()->set_micro_batches(AnySize(input));
  if (input->Byte() % 2 == 0) config.mutable_train()->set_clip_norm(1);
  for (int parts = input->Byte() % 9; parts > 0; --parts) config.add_split(AnySize(input));
  const std::string pattern = input->Text(64);
  if (!pattern.empty()) config.set_pattern(pattern);
  config.mutable_parallel()->set_overlap(AnyOverlap(input));
  const uint8_t choices = input->Byte();
  const std::string wire = input->Text(24);
  v1::CollectiveConfig* const collective = config.mutable_collective();
  if (!wire.empty()) collective->set_wire_forward(wire);
  if (choices & 1) collective->set_wire_backward(collective->wire_forward());
  if (choices & 2) collective->set_wire_grad_sync(collective->wire_forward());
  collective->set_error_feedback_activations(choices & 4);
  config.mutable_parallel()->set_vocabulary(choices & 8);
  AnyStrategy(input, config.mutable_parallel());
  FillDefaults(&config);
  return config;
}

double Elements(const std::vector<PlanStep>& steps) {
  double elements = 0;
  for (const CollectiveStep& step : Collectives(steps)) elements += step.elements;
  return elements;
}

// All ranks do the same, and what they exchange is the whole model, once at most.
void ExpectSoundReplicas(const StepPlan& plan) {
  const auto world_size = static_cast<size_t>(plan.world_size);
  FUZZ_EXPECT(plan.steps.size() == world_size && plan.memory.size() == world_size);
  FUZZ_EXPECT(CheckHandles(plan.steps[0]).ok());
  double elements = 0;
  for (const CollectiveStep& step : Collectives(plan.steps[0])) {
    FUZZ_EXPECT(step.elements > 0);
    elements += static_cast<double>(step.elements);
  }
  FUZZ_EXPECT(elements == 0 || elements == plan.parameters[0]);
  for (size_t rank = 0; rank < world_size; ++rank) {
    FUZZ_EXPECT(plan.steps[rank].size() == plan.steps[0].size());
    FUZZ_EXPECT(std::isfinite(plan.memory[rank].total_bytes()) && plan.parameters[rank] > 0);
  }
}

void ExpectSound(const PlanOptions& options, const StepPlan& plan) {
  const size_t world_size = static_cast<size_t>(options.world_size);
  FUZZ_EXPECT(plan.steps.size() == world_size && plan.memory.size() == world_size);
  const std::vector<CollectiveStep> first = CollectiveEntries(plan.steps[0]);
  const size_t groups = static_cast<size_t>(options.micro_batches) *
                        options.overlap.GroupsOf(options.world_size);
  // Of a shared vocabulary: the embedding, three for the softmax, the head's gradient.
  const size_t activations =
      groups * (2 * options.pattern.ForwardSyncPoints() + (options.vocabulary_parallel ? 5 : 0));
  if (world_size == 1) {
    FUZZ_EXPECT(first.empty());
  } else {
    const size_t sums = Collectives(plan.steps[0]).size();
    FUZZ_EXPECT(sums >= activations && sums <= activations + 2);
    FUZZ_EXPECT(CheckHandles(plan.steps[0]).ok());
    FUZZ_EXPECT(CheckGroups(plan).ok());
  }
  for (size_t rank = 0; rank < world_size; ++rank) {
    FUZZ_EXPECT(CollectiveEntries(plan.steps[rank]).size() == first.size());
    FUZZ_EXPECT(std::isfinite(plan.memory[rank].total_bytes()) && plan.parameters[rank] > 0);
    FUZZ_EXPECT(plan.memory_sizes[rank].late_bytes >= 0);
    FUZZ_EXPECT(plan.memory_sizes[rank].residual_bytes <=
                sizeof(float) * Elements(plan.steps[rank]));
  }
  for (const CollectiveStep& step : first) FUZZ_EXPECT(step.elements > 0 && step.wire_bytes() > 0);
}

// Mostly a mesh, whose ranks are then the workers.
void SetStrategy(FuzzInput* input, StrategyOptions* options) {
  const char* const axes[] = {"data", "local", "tensor", "pipeline"};
  if (input->Byte() % 4 == 0) {
    options->strategy = input->Text(32);
    return;
  }
  options->strategy.clear();
  options->plan.world_size = 1;
  for (int left = 1 + input->Byte() % 3; left > 0; --left) {
    const int size = 1 + input->Byte() % 4;
    options->plan.world_size *= size;
    options->strategy += (options->strategy.empty() ? "" : ",") +
                         std::string(axes[input->Byte() % 4]) + "=" + std::to_string(size);
  }
}

// Of sizes that are quickly planned: larger ones are BuildStepPlan's matter, too.
void ExpectSoundStrategy(const PlanOptions& plan, FuzzInput* input) {
  const double steps = 1.0 * plan.shape.layers * plan.micro_batches * plan.world_size;
  if (steps > 4096) return;
  StrategyOptions options;
  options.plan = plan;
  SetStrategy(input, &options);
  options.schedule = input->Byte() % 2 == 0 ? PipelineSchedule::kGpipe : PipelineSchedule::k1F1B;
  options.inner_steps = AnySize(input) % 4;
  options.bucket_bytes = int64_t{AnySize(input)} << 20;
  const auto strategy = BuildStrategyPlan(options);
  if (!strategy.ok()) return ExpectGoodError(strategy.status());
  FUZZ_EXPECT(CheckGroups(strategy->plan).ok());
  for (const auto& steps_of_rank : strategy->plan.steps)
    FUZZ_EXPECT(CheckHandles(steps_of_rank).ok());
  for (const MemoryUse& use : strategy->plan.memory)
    FUZZ_EXPECT(std::isfinite(use.total_bytes()) && use.total_bytes() > 0);
}

}  // namespace
}  // namespace edgetp

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  FuzzInput input(data, size);
  const v1::RunConfig config = AnyConfig(&input);
  if (!ValidateRun(config, "fuzz").ok()) return 0;
  const auto options = ToPlanOptions(config);
  FUZZ_EXPECT(options.ok());
  const auto plans = RunPlans::Build(config);
  if (!plans.ok()) {
    ExpectGoodError(plans.status());  // too many steps for memory
    return 0;
  }
  const bool replicated = ToReplicaOptions(config)->replicated();
  for (const StepPlan& plan : plans->all())
    replicated ? ExpectSoundReplicas(plan) : ExpectSound(*options, plan);
  ExpectSoundStrategy(*options, &input);
  return 0;
}
