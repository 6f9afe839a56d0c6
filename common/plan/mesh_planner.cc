#include "common/plan/mesh_planner.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/plan/memory_sizes.h"
#include "common/plan/parameters.h"
#include "common/plan/plan_checks.h"
#include "common/plan/rank_planner.h"
#include "common/plan/work.h"

namespace edgetp {
namespace {

// What all ranks of a stage have in common.
struct ModelStage {
  PlanOptions options;  // of its layers, and of the ranks that share them
  Place place;          // without a group
  std::vector<ParameterSpec> parameters;

  int last_layer() const { return place.first_layer + options.shape.layers - 1; }
};

// A part of a pattern; runs end where it does.
absl::StatusOr<Pattern> PartOf(const Pattern& pattern, int first, int count) {
  std::string text;
  for (int i = first; i < first + count; ++i)
    absl::StrAppend(&text, TextOf(pattern.blocks()[i]), " ");
  return Pattern::Parse(text, count);
}

absl::StatusOr<ModelStage> StageOf(const PlanOptions& options, int shards, int first_layer,
                                   int layers) {
  ModelStage stage;
  stage.options = options;
  stage.options.world_size = shards;
  stage.options.shape.layers = layers;
  ASSIGN_OR_RETURN(stage.options.pattern, PartOf(options.pattern, first_layer, layers));
  stage.place.first_layer = first_layer;
  stage.place.first = first_layer == 0;
  stage.place.last = first_layer + layers == options.shape.layers;
  stage.parameters = ParametersAt(
      stage.place, options.shape.tied_head,
      Gpt2Parameters(stage.options.shape, stage.options.pattern, options.vocabulary_parallel));
  return stage;
}

// Writes one rank's list.
class MeshRank {
 public:
  MeshRank(const StrategyOptions& options, const Mesh& mesh, Replicas exchange,
           const std::vector<ModelStage>& stages, const Shard& shard, int rank)
      : options_(options),
        mesh_(mesh),
        exchange_(exchange),
        stages_(stages),
        shard_(shard),
        rank_(rank),
        number_(mesh.Coordinate(rank, MeshAxis::kStage)),
        stage_(stages[number_]),
        elements_(RankElements(stage_.parameters, shard)),
        planner_(stage_.options, shard, PlaceOf(mesh, stage_.place, rank)) {}

  std::vector<PlanStep> Steps(int updates) {
    for (int i = 0; i < updates; ++i) Update();
    if (exchange_ == Replicas::kWeights) Outer();
    return planner_.Take();
  }

 private:
  static Place PlaceOf(const Mesh& mesh, Place place, int rank) {
    place.group = mesh.GroupAlong(rank, {MeshAxis::kShard});
    return place;
  }

  bool sums_gradients() const {
    return exchange_ == Replicas::kGradients && mesh_.size(MeshAxis::kReplica) > 1;
  }
  int stages() const { return static_cast<int>(stages_.size()); }

  void Update() {
    const int last = stage_.options.micro_batches - 1;
    started_.clear();
    in_buckets_ = 0;
    for (const PipelinePass& pass :
         PassesOf(options_.schedule, stages(), number_, stage_.options.micro_batches)) {
      if (pass.forward) {
        ForwardPass();
      } else {
        BackwardPass(pass.micro_batch == last);
      }
    }
    if (sums_gradients()) StartBuckets(static_cast<int64_t>(elements_));
    for (const CollectiveStep& bucket : started_) planner_.Wait(bucket);
    SumTiedHead();
    SumPartial();
    const std::vector<MeshAxis> replica = {MeshAxis::kStage, MeshAxis::kShard};
    AllReduce({TrafficClass::kScalar, Phase::kOptimizer, -1}, 1, WireFormat(), replica);
    planner_.AppendWork(Phase::kOptimizer, OptimizerUpdate(elements_));
  }

  void ForwardPass() {
    if (!stage_.place.first) planner_.Append(Activations(number_ - 1));
    planner_.Forward(Phase::kForward);
    if (!stage_.place.last) planner_.Append(Activations(number_));
  }

  void BackwardPass(bool last_of_step) {
    if (!stage_.place.last) planner_.Append(Gradients(number_ + 1));
    const bool overlaps = last_of_step && sums_gradients() && stages() == 1;
    planner_.BackwardPass([&](int stage) {
      if (overlaps) StartBuckets(CompletedFrom(stage));
    });
    if (!stage_.place.first) planner_.Append(Gradients(number_));
  }

  CollectiveStep Message(const CollectiveTag& tag, const WireFormat& wire, int from, int to) const {
    const PlanOptions& plan = options_.plan;
    CollectiveStep step{};
    step.tag = tag;
    step.elements = int64_t{plan.batch} * plan.shape.sequence * plan.shape.channels;
    step.wire = wire;
    step.kind = CollectiveKind::kSend;
    step.group = {mesh_.Moved(rank_, MeshAxis::kStage, from),
                  mesh_.Moved(rank_, MeshAxis::kStage, to)};
    return step;
  }

  CollectiveStep Activations(int from) const {
    return Message({TrafficClass::kActivationForward, Phase::kForward, stages_[from].last_layer()},
                   options_.plan.wire_forward, from, from + 1);
  }
  CollectiveStep Gradients(int from) const {
    return Message(
        {TrafficClass::kActivationBackward, Phase::kBackward, stages_[from].place.first_layer},
        options_.plan.wire_backward, from, from - 1);
  }

  CollectiveStep SumOver(const CollectiveTag& tag, int64_t elements, const WireFormat& wire,
                         std::vector<int> group) const {
    CollectiveStep step{};
    step.tag = tag;
    step.elements = elements;
    step.wire = wire;
    step.group = std::move(group);
    return step;
  }

  // Nothing where the rank would be alone.
  void AllReduce(const CollectiveTag& tag, int64_t elements, const WireFormat& wire,
                 const std::vector<MeshAxis>& axes) {
    if (elements == 0 || mesh_.Along(rank_, axes).size() == 1) return;
    planner_.Append(SumOver(tag, elements, wire, mesh_.GroupAlong(rank_, axes)));
  }

  void SumTiedHead() {
    if (!CopiesEmbedding(stage_.place, options_.plan.shape.tied_head)) return;
    int64_t elements = 0;
    for (const ParameterSpec& spec : stage_.parameters) {
      if (spec.name == kTiedParameter) elements = static_cast<int64_t>(LocalElements(spec, shard_));
    }
    std::vector<int> group = {mesh_.Moved(rank_, MeshAxis::kStage, 0),
                              mesh_.Moved(rank_, MeshAxis::kStage, stages() - 1)};
    if (mesh_.ranks() == 2) group.clear();
    planner_.Append(SumOver({TrafficClass::kGradSync, Phase::kOptimizer, -1}, elements,
                            options_.plan.wire_grad_sync, std::move(group)));
  }

  void SumPartial() {
    AllReduce({TrafficClass::kGradSync, Phase::kOptimizer, -1}, PartialElements(stage_.parameters),
              options_.plan.wire_grad_sync, {MeshAxis::kShard});
  }

  // Elements of the rank whose gradients are there when the backward pass leaves a stage.
  int64_t CompletedFrom(int stage) const {
    int64_t completed = 0;
    for (const ParameterSpec& spec : stage_.parameters) {
      if (spec.owned && spec.stage >= stage)
        completed += static_cast<int64_t>(LocalElements(spec, shard_));
    }
    return completed;
  }

  // Those that the completed elements fill; the last one when all are there.
  void StartBuckets(int64_t completed) {
    const int64_t per_bucket = ElementsPerBucket(options_.bucket_bytes);
    const auto total = static_cast<int64_t>(elements_);
    while (in_buckets_ < total && completed >= std::min(in_buckets_ + per_bucket, total)) {
      const int64_t size = std::min(per_bucket, total - in_buckets_);
      started_.push_back(planner_.Start(SumOver({TrafficClass::kGradSync, Phase::kBackward, -1},
                                                size, options_.plan.wire_grad_sync,
                                                mesh_.GroupAlong(rank_, {MeshAxis::kReplica}))));
      in_buckets_ += size;
    }
  }

  void Outer() {
    planner_.AppendWork(Phase::kOptimizer, OuterDifference(elements_));
    AllReduce({TrafficClass::kGradSync, Phase::kOptimizer, -1}, static_cast<int64_t>(elements_),
              options_.plan.wire_grad_sync, {MeshAxis::kReplica});
    planner_.AppendWork(Phase::kOptimizer, OuterUpdate(elements_));
  }

  const StrategyOptions& options_;
  const Mesh& mesh_;
  const Replicas exchange_;
  const std::vector<ModelStage>& stages_;
  const Shard& shard_;
  const int rank_;
  const int number_;  // of its stage
  const ModelStage& stage_;
  const double elements_;  // parameters of the rank
  RankPlanner planner_;
  int64_t in_buckets_ = 0;               // elements, of this step
  std::vector<CollectiveStep> started_;  // buckets of this step
};

absl::StatusOr<std::vector<ModelStage>> CutModel(const StrategyOptions& options, const Mesh& mesh,
                                                 const std::vector<int>& stage_layers) {
  std::vector<ModelStage> stages;
  int first = 0;
  for (const int layers : stage_layers) {
    ASSIGN_OR_RETURN(stages.emplace_back(),
                     StageOf(options.plan, mesh.size(MeshAxis::kShard), first, layers));
    first += layers;
  }
  return stages;
}

// `steps`: of one update. `kept`: micro-batches whose activations are kept.
MemorySizes SizesOfRank(const StrategyOptions& options, Replicas exchange, const ModelStage& stage,
                        const Shard& shard, int kept, const std::vector<PlanStep>& steps) {
  MemorySizes sizes = SizesOf(stage.options, stage.parameters, shard, stage.place);
  sizes.activations_bytes *= kept;
  sizes.accelerator_activations_bytes *= kept;
  for (const ParameterSpec& spec : Gpt2Parameters(options.plan.shape))
    sizes.largest_tensor_bytes =
        std::max(sizes.largest_tensor_bytes, kFloatBytes * spec.elements());
  if (exchange == Replicas::kWeights) sizes.outer_bytes = 2 * sizes.parameters_bytes;
  sizes.residual_bytes = ResidualBytes(options.plan, steps);
  return sizes;
}

}  // namespace

absl::StatusOr<StepPlan> BuildMeshPlan(const StrategyOptions& options, const Mesh& mesh,
                                       Replicas exchange, const std::vector<int>& stage_layers) {
  const int updates = exchange == Replicas::kWeights ? options.inner_steps : 1;
  RETURN_IF_ERROR(CheckSizes(options.plan));
  RETURN_IF_ERROR(CheckSteps(options.plan, updates));
  const double elements = FullElements(Gpt2Parameters(options.plan.shape));
  if (exchange == Replicas::kGradients) {
    const auto per_bucket = static_cast<double>(ElementsPerBucket(options.bucket_bytes));
    RETURN_IF_ERROR(CheckStepCount(2 * mesh.ranks() * elements / per_bucket));
  }
  ASSIGN_OR_RETURN(const std::vector<Shard> shards,
                   BuildShardMap(options.plan.shape, mesh.size(MeshAxis::kShard),
                                 options.plan.split, options.plan.vocabulary_parallel));
  ASSIGN_OR_RETURN(const std::vector<ModelStage> stages, CutModel(options, mesh, stage_layers));
  StepPlan plan;
  plan.world_size = mesh.ranks();
  plan.total_parameters = elements;
  plan.position_parameters =
      static_cast<double>(options.plan.shape.sequence) * options.plan.shape.channels;
  for (int rank = 0; rank < mesh.ranks(); ++rank) {
    const int number = mesh.Coordinate(rank, MeshAxis::kStage);
    const ModelStage& stage = stages[number];
    const Shard& shard = shards[mesh.Coordinate(rank, MeshAxis::kShard)];
    const auto steps = [&](int count) {
      return MeshRank(options, mesh, exchange, stages, shard, rank).Steps(count);
    };
    plan.steps.push_back(steps(updates));
    const std::vector<PlanStep> once = updates > 1 ? steps(1) : std::vector<PlanStep>();
    const int kept = MicroBatchesKept(options.schedule, static_cast<int>(stages.size()), number,
                                      options.plan.micro_batches);
    // A model that is not cut keeps one micro-batch at a time.
    plan.memory_sizes.push_back(SizesOfRank(options, exchange, stage, shard,
                                            stages.size() == 1 ? 1 : kept,
                                            updates > 1 ? once : plan.steps.back()));
    plan.memory.push_back(TrainingMemory(plan.memory_sizes.back(), /*gathers=*/rank == 0));
    plan.parameters.push_back(RankElements(stage.parameters, shard));
  }
  return plan;
}

}  // namespace edgetp
