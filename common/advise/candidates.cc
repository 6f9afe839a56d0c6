#include "common/advise/candidates.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/advise/devices.h"
#include "common/base/status_macros.h"
#include "common/simulate/compute_cost.h"
#include "common/simulate/simulate_report.h"

namespace edgetp {
namespace {

constexpr char kOne[] = "one";
constexpr char kTensor[] = "tensor";
constexpr char kExactLetter[] = "t";
constexpr char kExactWire[] = "fp32";

// Repeated until the model is full: of all mixtures of letters, those that differ in what they
// exchange. An isolated p saves nothing over s, so (sp) is none of them.
const std::vector<std::vector<std::string>>& PatternUnits() {
  static const auto* const kUnits = new std::vector<std::vector<std::string>>{
      {"t"}, {"l"}, {"t~2"}, {"g"}, {"t@0.5"}, {"t", "s"}, {"s"}, {"d"}, {"s", "p", "p", "p"},
      {"p"}};
  return *kUnits;
}

// One of each size: others of the same size differ in the loss alone.
constexpr const char* kWires[] = {kExactWire, "bf16", "int8", "int4+hadamard"};

// "(sppp)*3", "t*12", "(sppp)*2 sp".
std::string RepeatedUnit(const std::vector<std::string>& unit, int layers) {
  const auto size = static_cast<int>(unit.size());
  const int times = layers / size;
  std::string text = absl::StrJoin(unit, "");
  if (size > 1) text = absl::StrCat("(", text, ")");
  text = times > 0 ? absl::StrCat(text, "*", times) : "";
  const std::string rest = absl::StrJoin(unit.begin(), unit.begin() + layers % size, "");
  return absl::StrCat(text, text.empty() || rest.empty() ? "" : " ", rest);
}

std::vector<std::string> PatternsOf(const AdviseProblem& problem) {
  const ModelShape& shape = problem.base.plan.shape;
  std::vector<std::string> texts;
  std::set<std::string> known;  // expanded: few layers make different units the same pattern
  for (const std::vector<std::string>& unit : PatternUnits()) {
    const std::string text = RepeatedUnit(unit, shape.layers);
    const auto pattern = Pattern::Parse(text, shape.layers);
    if (!pattern.ok() || !pattern->CheckChannels(shape.channels).ok()) continue;
    if (!known.insert(pattern->Expanded()).second) continue;
    texts.push_back(text);
    if (problem.exact) break;  // the first one is the exact one
  }
  return texts;
}

std::vector<std::string> WiresOf(const AdviseProblem& problem) {
  if (problem.exact) return {kExactWire};
  return {std::begin(kWires), std::end(kWires)};
}

bool CanOverlap(const AdviseProblem& problem, const AdviseGroup& group) {
  return group.workers() > 1 &&
         std::none_of(group.devices.begin(), group.devices.end(), [&](int device) {
           const v1::DeviceProfile& profile = problem.devices[device].profile;
           return profile.has_cores() && profile.cores() == 1;
         });
}

bool HasSlack(const std::string& text, int layers) {
  const auto pattern = Pattern::Parse(text, layers);
  return pattern.ok() && std::any_of(pattern->blocks().begin(), pattern->blocks().end(),
                                     [](const PatternBlock& block) { return SlackOf(block) > 0; });
}

void AddTensorGroups(const AdviseProblem& problem, const std::vector<int>& devices,
                     const std::vector<std::string>& patterns,
                     const std::vector<std::string>& wires, std::vector<AdviseGroup>* groups) {
  const ModelShape& shape = problem.base.plan.shape;
  if (static_cast<int>(devices.size()) > shape.heads) return;
  for (const std::string& pattern : patterns) {
    for (const std::string& wire : wires) {
      AdviseGroup group{kTensor, devices, pattern, wire};
      // Its late sums need a thread of their own.
      if (HasSlack(pattern, shape.layers) && !CanOverlap(problem, group)) continue;
      groups->push_back(std::move(group));
    }
  }
}

std::vector<Overlap> OverlapsOf(const AdviseProblem& problem, const AdviseGroup& group, int batch) {
  std::vector<Overlap> overlaps = {Overlap{}};
  if (!CanOverlap(problem, group)) return overlaps;
  overlaps.push_back({OverlapKind::kWeightGradients, 1});
  if (batch >= 2) overlaps.push_back({OverlapKind::kRows, 2});
  return overlaps;
}

std::vector<int> Divisors(int number) {
  std::vector<int> divisors;
  for (int divisor = number; divisor >= 1; --divisor) {
    if (number % divisor == 0) divisors.push_back(divisor);
  }
  return divisors;
}

// Heads in proportion to `speeds`, at most `caps` each; absent where the caps leave some over.
std::optional<std::vector<int>> CappedShares(int heads, const std::vector<double>& speeds,
                                             const std::vector<int>& caps) {
  const auto ranks = static_cast<int>(speeds.size());
  if (std::accumulate(caps.begin(), caps.end(), 0) < heads) return std::nullopt;
  std::vector<int> shares(ranks, 1);
  for (int given = ranks; given < heads; ++given) {
    // To whom the next head costs the least time.
    int best = -1;
    for (int rank = 0; rank < ranks; ++rank) {
      if (shares[rank] == caps[rank]) continue;
      if (best < 0 || (shares[rank] + 1) / speeds[rank] < (shares[best] + 1) / speeds[best])
        best = rank;
    }
    ++shares[best];
  }
  return shares;
}

std::vector<int> EmptyIfEven(std::vector<int> shares) {
  const bool even =
      std::all_of(shares.begin(), shares.end(), [&](int share) { return share == shares.front(); });
  return even ? std::vector<int>() : shares;
}

}  // namespace

absl::StatusOr<std::vector<double>> DeviceSpeeds(const AdviseProblem& problem) {
  PlanOptions alone = problem.base.plan;
  alone.world_size = 1;
  alone.split.clear();
  alone.batch = 1;
  alone.micro_batches = 1;
  alone.overlap = {};
  ASSIGN_OR_RETURN(alone.pattern, Pattern::Parse(RepeatedUnit({kExactLetter}, alone.shape.layers),
                                                 alone.shape.layers));
  ASSIGN_OR_RETURN(const StepPlan plan, BuildStepPlan(alone));
  std::vector<double> speeds;
  for (const AdvisedDevices& device : problem.devices) {
    absl::Duration step;
    for (const absl::Duration segment :
         SegmentDurations(plan.steps[0], ToDeviceOptions(device.profile)))
      step += segment;
    // A profile without rates computes in no time.
    speeds.push_back(1 / std::max(absl::ToDoubleSeconds(step), 1e-12));
  }
  return speeds;
}

AdviseSpace BuildAdviseSpace(const AdviseProblem& problem, const std::vector<double>& speeds) {
  AdviseSpace space;
  const std::vector<std::string> patterns = PatternsOf(problem);
  const std::vector<std::string> wires = WiresOf(problem);
  const std::string dense = patterns.front();
  for (std::vector<int>& devices : DeviceSubsets(problem, speeds, &space.left_out)) {
    if (devices.size() == 1) {
      space.groups.push_back({kOne, std::move(devices), dense, kExactWire});
      continue;
    }
    AddTensorGroups(problem, devices, patterns, wires, &space.groups);
  }
  return space;
}

std::vector<AdviseLayout> LayoutsOf(const AdviseProblem& problem, const AdviseGroup& group) {
  const bool shares = group.workers() > 1;
  std::vector<AdviseLayout> layouts;
  for (const int batch : Divisors(problem.sequences)) {
    for (const Overlap& overlap : OverlapsOf(problem, group, batch)) {
      for (const bool vocabulary : {false, true}) {
        if (vocabulary && (!shares || problem.base.plan.shape.vocabulary < group.workers()))
          continue;
        layouts.push_back({batch, problem.sequences / batch, overlap, vocabulary});
      }
    }
  }
  return layouts;
}

absl::StatusOr<std::optional<std::vector<int>>> FittingSplit(const AdviseProblem& problem,
                                                             const AdviseGroup& group,
                                                             const AdviseLayout& layout,
                                                             const std::vector<double>& speeds) {
  const int heads = problem.base.plan.shape.heads;
  std::vector<double> of_ranks;
  for (const int device : group.devices) of_ranks.push_back(speeds[device]);
  std::vector<int> caps(group.devices.size(), heads);
  while (true) {
    const std::optional<std::vector<int>> shares = CappedShares(heads, of_ranks, caps);
    if (!shares.has_value()) return std::optional<std::vector<int>>();
    ASSIGN_OR_RETURN(const ForecastCase candidate,
                     CaseOf(problem, {group, layout, EmptyIfEven(*shares)}));
    ASSIGN_OR_RETURN(const StepPlan plan, BuildEvaluationPlan(candidate.plan));
    bool fits = true;
    for (int rank = 0; rank < group.workers(); ++rank) {
      if (Fits(candidate.devices[rank], plan, rank)) continue;
      fits = false;
      caps[rank] = (*shares)[rank] - 1;
      if (caps[rank] == 0) return std::optional<std::vector<int>>();
    }
    if (fits) return std::optional(EmptyIfEven(*shares));
  }
}

absl::StatusOr<ForecastCase> CaseOf(const AdviseProblem& problem,
                                    const AdviseCandidate& candidate) {
  const auto& [group, layout, split] = candidate;
  ForecastCase forecast = problem.base;
  PlanOptions& plan = forecast.plan;
  plan.world_size = group.workers();
  plan.split = split;
  plan.vocabulary_parallel = layout.vocabulary_parallel;
  plan.batch = layout.batch;
  plan.micro_batches = layout.micro_batches;
  plan.overlap = layout.overlap;
  ASSIGN_OR_RETURN(plan.pattern, Pattern::Parse(group.pattern, plan.shape.layers));
  ASSIGN_OR_RETURN(plan.wire_forward, WireFormat::Parse(group.wire));
  plan.wire_backward = plan.wire_forward;
  plan.wire_grad_sync = WireFormat();
  forecast.devices.clear();
  for (const int device : group.devices)
    forecast.devices.push_back(problem.devices[device].profile);
  return forecast;
}

bool IsExact(const AdviseGroup& group) {
  const auto pattern = Pattern::Parse(group.pattern, 0);
  return group.wire == kExactWire && pattern.ok() &&
         std::all_of(pattern->blocks().begin(), pattern->blocks().end(),
                     [](const auto& block) { return block.kind == BlockKind::kTensorParallel; });
}

}  // namespace edgetp
