#include "common/plan/strategy.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/base/suggest.h"
#include "common/plan/mesh_planner.h"
#include "common/plan/plan_checks.h"
#include "common/plan/work.h"

namespace edgetp {
namespace {

// A mesh of so many ranks would not be simulated.
constexpr int kMaxAxis = 1 << 20;

absl::Status Refuse(const StrategyOptions& options, const std::string& rule) {
  return absl::InvalidArgumentError(absl::StrCat("strategy \"", options.strategy, "\": ", rule));
}

// What ranks that have whole tensors compute: the letters save sums that they do not have.
absl::StatusOr<PlanOptions> Dense(PlanOptions options) {
  ASSIGN_OR_RETURN(options.pattern,
                   Pattern::Parse(absl::StrCat("t*", options.shape.layers), options.shape.layers));
  options.split.clear();
  options.vocabulary_parallel = false;
  options.overlap = {};
  return options;
}

// What stands alone and is executed by workers is planned as it is executed. `options.plan` is
// dense but for tensor.
absl::StatusOr<StrategyPlan> PlanOne(const StrategyOptions& options) {
  StrategyPlan strategy;
  ASSIGN_OR_RETURN(strategy.plan, BuildStepPlan(OfOneReplica(options.plan)));
  return strategy;
}

absl::StatusOr<StrategyPlan> PlanTensor(const StrategyOptions& options) {
  StrategyPlan strategy;
  ASSIGN_OR_RETURN(strategy.plan, BuildStepPlan(options.plan));
  return strategy;
}

absl::StatusOr<StrategyPlan> PlanData(const StrategyOptions& options) {
  StrategyPlan strategy;
  ASSIGN_OR_RETURN(strategy.plan, BuildDataPlan(options.plan, options.bucket_bytes));
  return strategy;
}

// A round: all steps but the last are inner ones.
absl::StatusOr<StrategyPlan> PlanLocal(const StrategyOptions& options) {
  ASSIGN_OR_RETURN(LocalPlans plans, BuildLocalPlans(options.plan));
  StrategyPlan strategy;
  strategy.updates = options.inner_steps;
  RETURN_IF_ERROR(CheckStepCount(1.0 * options.inner_steps * plans.inner.world_size *
                                 static_cast<double>(plans.inner.steps[0].size())));
  for (size_t rank = 0; rank < plans.inner.steps.size(); ++rank) {
    const std::vector<PlanStep>& inner = plans.inner.steps[rank];
    std::vector<PlanStep>& outer = plans.outer.steps[rank];
    std::vector<PlanStep> round;
    round.reserve(inner.size() * options.inner_steps + outer.size());
    for (int i = 1; i < options.inner_steps; ++i)
      round.insert(round.end(), inner.begin(), inner.end());
    round.insert(round.end(), outer.begin(), outer.end());
    outer = std::move(round);
  }
  strategy.plan = std::move(plans.outer);
  return strategy;
}

struct Row {
  StrategyRow text;
  std::optional<MeshAxis> axis;  // none: no axis of a mesh
  Replicas exchange = Replicas::kNone;
  absl::StatusOr<StrategyPlan> (*alone)(const StrategyOptions&) =
      nullptr;  // null: a mesh of one axis
};

constexpr Row kRows[] = {
    {{"one", "one device by itself"}, std::nullopt, Replicas::kNone, &PlanOne},
    {{"tensor", "ranks share each tensor and sum activations"},
     MeshAxis::kShard,
     Replicas::kNone,
     &PlanTensor},
    {{"data", "a replica on each device; gradients are summed"},
     MeshAxis::kReplica,
     Replicas::kGradients,
     &PlanData},
    {{"local", "the same; weights are averaged every --inner_steps steps"},
     MeshAxis::kReplica,
     Replicas::kWeights,
     &PlanLocal},
    {{"pipeline", "each device has some layers and passes activations on"},
     MeshAxis::kStage,
     Replicas::kNone,
     nullptr},
};

const Row* FindRow(const std::string& name) {
  for (const Row& row : kRows) {
    if (name == row.text.name) return &row;
  }
  return nullptr;
}

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Row& row : kRows) names.emplace_back(row.text.name);
  return names;
}

// What a text says.
struct Parsed {
  const Row* alone = nullptr;  // null: a mesh
  std::vector<Mesh::Size> sizes;
  Replicas exchange = Replicas::kNone;
};

absl::StatusOr<const Row*> FindAxis(const StrategyOptions& options, const std::string& name) {
  const Row* const row = FindRow(name);
  if (row == nullptr)
    return Refuse(options, absl::StrCat("unknown name \"", name, "\"", KnownNames(name, Names())));
  if (!row->axis.has_value())
    return Refuse(options, absl::StrCat(name, " is one device and no axis of a mesh"));
  return row;
}

absl::Status AddAxis(const StrategyOptions& options, const std::string& item, Parsed* parsed) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(item, absl::MaxSplits('=', 1));
  ASSIGN_OR_RETURN(const Row* row, FindAxis(options, parts.first));
  Mesh::Size size{*row->axis};
  if (!absl::SimpleAtoi(parts.second, &size.size) || size.size < 1 || size.size > kMaxAxis)
    return Refuse(options, absl::StrCat("an axis of a mesh is written ", parts.first,
                                        "=N, with N of at least 1 (got \"", item, "\")"));
  for (const Mesh::Size& known : parsed->sizes) {
    if (known.axis == size.axis)
      return Refuse(options, size.axis == MeshAxis::kReplica
                                 ? "a mesh has replicas once: data or local"
                                 : absl::StrCat(parts.first, " is there twice"));
  }
  if (row->exchange != Replicas::kNone) parsed->exchange = row->exchange;
  parsed->sizes.push_back(size);
  return absl::OkStatus();
}

absl::Status CheckWorkers(const StrategyOptions& options, const Parsed& parsed) {
  double ranks = 1;
  std::vector<std::string> sizes;
  for (const Mesh::Size& size : parsed.sizes) {
    ranks *= size.size;
    sizes.push_back(absl::StrCat(size.size));
  }
  if (ranks == options.plan.world_size) return absl::OkStatus();
  const std::string product = sizes.size() > 1 ? absl::StrJoin(sizes, " * ") + " = " : "";
  return Refuse(options,
                absl::StrCat(product, ranks, " ranks, but workers=", options.plan.world_size));
}

// What a mesh is that has one axis with more than one place; null: a mesh.
const Row* RowOfOneAxis(const Parsed& parsed) {
  Mesh::Size wide = parsed.sizes.front();
  for (const Mesh::Size& size : parsed.sizes) {
    if (size.size == 1) continue;
    if (wide.size > 1 && wide.axis != size.axis) return nullptr;
    wide = size;
  }
  for (const Row& row : kRows) {
    const bool same = wide.axis != MeshAxis::kReplica || row.exchange == parsed.exchange;
    if (row.axis == wide.axis && same) return &row;
  }
  return nullptr;
}

absl::StatusOr<Parsed> Parse(const StrategyOptions& options) {
  Parsed parsed;
  if (!absl::StrContains(options.strategy, '=')) {
    parsed.alone = FindRow(options.strategy);
    if (parsed.alone == nullptr)
      return Refuse(options, absl::StrCat("unknown name", KnownNames(options.strategy, Names()),
                                          "; or a mesh, as data=2,tensor=4"));
    parsed.exchange = parsed.alone->exchange;
    if (parsed.alone->axis.has_value())
      parsed.sizes = {{*parsed.alone->axis, options.plan.world_size}};
    return parsed;
  }
  for (const std::string& item : std::vector<std::string>(absl::StrSplit(options.strategy, ','))) {
    RETURN_IF_ERROR(AddAxis(options, item, &parsed));
  }
  RETURN_IF_ERROR(CheckWorkers(options, parsed));
  parsed.alone = RowOfOneAxis(parsed);
  return parsed;
}

// In layers: an embedding is next to nothing, the head of a small model much.
StageExtras ExtrasOf(const PlanOptions& options) {
  const Shard whole{
      {0, options.shape.heads}, {0, 4 * options.shape.channels}, {0, options.shape.vocabulary}};
  const RankSizes sizes(options.shape, options.batch, whole);
  const double layer = (AttentionForward(sizes) + MlpForward(sizes)).flops;
  return {EmbeddingForward(sizes).flops / layer,
          (FinalNormForward(sizes) + HeadForward(sizes)).flops / layer};
}

// A stage is as fast as all of its ranks together, and as the slowest replica.
std::vector<double> StageSpeeds(const StrategyOptions& options, const Mesh& mesh) {
  std::vector<double> speeds(mesh.size(MeshAxis::kStage), 1);
  if (options.speeds.empty()) return speeds;
  for (size_t stage = 0; stage < speeds.size(); ++stage) {
    std::optional<double> slowest;
    for (int replica = 0; replica < mesh.size(MeshAxis::kReplica); ++replica) {
      double speed = 0;
      for (int shard = 0; shard < mesh.size(MeshAxis::kShard); ++shard) {
        speed += options.speeds[mesh.RankAt({replica, static_cast<int>(stage), shard})];
      }
      slowest = std::min(slowest.value_or(speed), speed);
    }
    speeds[stage] = *slowest;
  }
  return speeds;
}

absl::Status CheckCut(const StrategyOptions& options, size_t stages) {
  int layers = 0;
  for (const int own : options.stage_layers) {
    if (own < 1) return Refuse(options, "every stage needs a layer");
    layers += own;
  }
  if (options.stage_layers.size() == stages && layers == options.plan.shape.layers)
    return absl::OkStatus();
  return Refuse(options, absl::StrCat("stages of ", absl::StrJoin(options.stage_layers, ","),
                                      " layers do not make ", stages, " stages of ",
                                      options.plan.shape.layers, " layers"));
}

absl::StatusOr<std::vector<int>> LayersOf(const StrategyOptions& options, const Mesh& mesh) {
  const int stages = mesh.size(MeshAxis::kStage);
  if (stages == 1) return std::vector<int>{options.plan.shape.layers};
  if (options.stage_layers.empty())
    return CutLayers(options.plan.shape.layers, StageSpeeds(options, mesh), ExtrasOf(options.plan));
  RETURN_IF_ERROR(CheckCut(options, stages));
  return options.stage_layers;
}

absl::Status CheckOptions(const StrategyOptions& options) {
  constexpr int kMaxInnerSteps = 1 << 20;
  if (options.plan.world_size < 1 || options.plan.world_size > kMaxAxis)
    return Refuse(options, absl::StrCat("workers=", options.plan.world_size, ": must be in [1, ",
                                        kMaxAxis, "]"));
  if (options.bucket_bytes < int64_t{sizeof(float)})
    return Refuse(options,
                  absl::StrCat("bucket_bytes=", options.bucket_bytes, ": must be at least 4"));
  if (options.inner_steps < 1 || options.inner_steps > kMaxInnerSteps)
    return Refuse(options, absl::StrCat("inner_steps=", options.inner_steps, ": must be in [1, ",
                                        kMaxInnerSteps, "]"));
  const auto workers = static_cast<size_t>(options.plan.world_size);
  if (!options.speeds.empty() && options.speeds.size() != workers)
    return Refuse(options, absl::StrCat("speeds of ", options.speeds.size(),
                                        " ranks, but workers=", workers));
  const bool positive = std::all_of(options.speeds.begin(), options.speeds.end(),
                                    [](double speed) { return speed > 0; });
  return positive ? absl::OkStatus() : Refuse(options, "speeds must be above 0");
}

absl::StatusOr<StrategyPlan> PlanMesh(const StrategyOptions& options, const Parsed& parsed) {
  const Mesh mesh(parsed.sizes);
  StrategyPlan strategy;
  ASSIGN_OR_RETURN(const std::vector<int> layers, LayersOf(options, mesh));
  ASSIGN_OR_RETURN(strategy.plan, BuildMeshPlan(options, mesh, parsed.exchange, layers));
  if (parsed.exchange == Replicas::kWeights) strategy.updates = options.inner_steps;
  if (layers.size() > 1) strategy.stage_layers = layers;
  return strategy;
}

int ReplicasOf(const Parsed& parsed) {
  for (const Mesh::Size& size : parsed.sizes) {
    if (size.axis == MeshAxis::kReplica) return size.size;
  }
  return 1;
}

bool SharesTensors(const Parsed& parsed) {
  if (parsed.alone != nullptr) return parsed.alone->axis == MeshAxis::kShard;
  return std::any_of(parsed.sizes.begin(), parsed.sizes.end(), [](const Mesh::Size& size) {
    return size.axis == MeshAxis::kShard && size.size > 1;
  });
}

}  // namespace

std::vector<StrategyRow> Strategies() {
  std::vector<StrategyRow> rows;
  for (const Row& row : kRows) rows.push_back(row.text);
  return rows;
}

std::string StrategyNames() { return absl::StrJoin(Names(), ", "); }

std::vector<std::string> SplitStrategies(const std::string& text, int workers) {
  constexpr int64_t kTooMany = int64_t{1} << 40;
  std::vector<std::string> strategies;
  int64_t ranks = 0;  // of the mesh that goes on; 0: none does
  for (const std::string& item : std::vector<std::string>(absl::StrSplit(text, ','))) {
    const std::pair<std::string, std::string> parts = absl::StrSplit(item, absl::MaxSplits('=', 1));
    int size = 0;
    const bool axis = absl::SimpleAtoi(parts.second, &size) && size > 0 && size <= kMaxAxis;
    if (axis && ranks > 0 && (ranks != workers || size == 1)) {
      absl::StrAppend(&strategies.back(), ",", item);
      ranks = std::min<int64_t>(ranks * size, kTooMany);
    } else {
      strategies.push_back(item);
      ranks = axis ? size : 0;
    }
  }
  return strategies;
}

absl::StatusOr<StrategyPlan> BuildStrategyPlan(const StrategyOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(const Parsed parsed, Parse(options));
  StrategyOptions own = options;
  if (!SharesTensors(parsed)) {
    ASSIGN_OR_RETURN(own.plan, Dense(options.plan));
  }
  RETURN_IF_ERROR(CheckSizes(own.plan));
  const bool by_itself = parsed.alone != nullptr && parsed.alone->alone != nullptr;
  ASSIGN_OR_RETURN(StrategyPlan strategy,
                   by_itself ? parsed.alone->alone(own) : PlanMesh(own, parsed));
  strategy.pattern = own.plan.pattern;
  strategy.shares_tensors = SharesTensors(parsed);
  strategy.tokens_per_step = 1.0 * ReplicasOf(parsed) * strategy.updates * own.plan.batch *
                             own.plan.micro_batches * own.plan.shape.sequence;
  return strategy;
}

}  // namespace edgetp
