#include "common/simulate/deadline.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/config/run_plans.h"
#include "common/config/units.h"
#include "common/network/network_profile.h"
#include "common/network/scenario.h"
#include "common/simulate/simulated_run.h"

namespace edgetp {
namespace {

constexpr absl::Duration kLeastDeadline = absl::Seconds(30);
// By which steps without an exchange may let one rank fall behind another on devices that nobody
// has described.
constexpr absl::Duration kApartPerStep = absl::Seconds(1);
// Ranks may come later than their compute says, and a tail may be longer than the longest draw.
constexpr int kSafety = 3;
// Round numbers are read more easily, and another machine's last bit does not show.
constexpr absl::Duration kStep = absl::Seconds(10);
// A bound on the time that pricing takes, whatever somebody asks for. Beyond so many ranks, bytes
// that one interface carries grow at most in proportion.
constexpr int kMaxPricedRanks = 64;
constexpr int kMaxPricedStates = 32;
constexpr int kMaxSegmentsPerMessage = 16;
constexpr int kMaxSlicesPerChunk = 4;  // fewer slices take longer: the deadline is on the safe side
constexpr int64_t kBudget = 1 << 14;

struct Size {
  int64_t elements = 0;
  WireFormat wire;
  auto operator<=>(const Size& other) const = default;
};

// How often each size comes up, and which algorithms are tried for it.
struct Workload {
  std::map<Size, int> sizes;
  std::vector<std::string> algorithms;
  absl::Duration skew;  // by how much the ranks' compute between two collectives differs
  int round = 1;        // steps in which these collectives come once
};

struct Priced {
  absl::Duration slowest;
  absl::Duration longest;
  absl::Duration sum;
  Size size;
};

absl::StatusOr<AllReduceCost> Price(AllReduceProblem problem, const std::string& algorithm) {
  const double beyond = 1.0 * problem.world_size / kMaxPricedRanks;
  problem.world_size = std::min(problem.world_size, kMaxPricedRanks);
  const std::string name = algorithm == "auto" ? ChooseAlgorithm(problem) : algorithm;
  ASSIGN_OR_RETURN(AllReduceCost cost, PriceAllReduce(problem, name, kBudget));
  if (beyond > 1) {
    cost.mean *= beyond;
    cost.longest *= beyond;
  }
  return cost;
}

absl::StatusOr<Priced> PriceOn(const v1::NetworkProfile& network, const v1::RunConfig& config,
                               const Workload& workload) {
  ASSIGN_OR_RETURN(NetworkOptions links, ResolveNetwork(network, config.workers()));
  AllReduceProblem problem = ProblemOf(ToTimelineOptions(config, std::move(links)));
  const int64_t slice_bytes = problem.slice_bytes;
  Priced priced;
  for (const auto& [size, count] : workload.sizes) {
    problem.elements = size.elements;
    problem.wire = size.wire;
    problem.segment_bytes = std::max<int64_t>(config.collective().segment_bytes(),
                                              problem.wire_bytes() / kMaxSegmentsPerMessage);
    problem.slice_bytes = std::max<int64_t>(
        slice_bytes, problem.wire_bytes() / config.workers() / kMaxSlicesPerChunk);
    for (const std::string& algorithm : workload.algorithms) {
      ASSIGN_OR_RETURN(const AllReduceCost cost, Price(problem, algorithm));
      priced.sum += cost.mean * count;
      priced.longest = std::max(priced.longest, cost.longest);
      if (cost.mean <= priced.slowest) continue;
      priced.slowest = cost.mean;
      priced.size = size;
    }
  }
  return priced;
}

// For how long ranks are cut off from one another at most, where they are joined again.
absl::Duration LongestCut(const v1::NetworkProfile& network,
                          const std::vector<NetworkState>& states) {
  absl::Duration longest;
  absl::Duration begin = absl::InfiniteDuration();
  for (const NetworkState& state : states) {
    if (state.network.partition().empty()) {
      longest = std::max(longest, state.at - std::min(begin, state.at));
      begin = absl::InfiniteDuration();
    } else {
      begin = std::min(begin, state.at);
    }
  }
  if (begin == absl::InfiniteDuration() || !network.has_repeat_seconds()) return longest;
  return std::max(longest, absl::Seconds(network.repeat_seconds()) - begin);
}

std::string Describe(const Priced& priced, const v1::RunConfig& config) {
  const auto bytes = static_cast<double>(priced.size.wire.WireBytes(priced.size.elements));
  return absl::StrCat("an all-reduce of ", FormatBytes(bytes), " between ", config.workers(),
                      " workers over ", config.network().name());
}

absl::StatusOr<CollectiveNeeds> NeedsOf(const v1::RunConfig& config, const Workload& workload) {
  CollectiveNeeds needs;
  // Ranks that meet seldom come further apart, whatever makes one slower than another.
  const absl::Duration least = kLeastDeadline + (workload.round - 1) * kApartPerStep;
  needs.deadline = least;
  if (config.workers() < 2 || workload.sizes.empty()) return needs;
  const std::vector<NetworkState> states = UnrollNetwork(config.network());
  absl::Duration longest;
  for (size_t i = 0; i < states.size() && i < kMaxPricedStates; ++i) {
    ASSIGN_OR_RETURN(const Priced priced, PriceOn(states[i].network, config, workload));
    longest = std::max(longest, priced.longest);
    if (i > 0) continue;
    needs.slowest = priced.slowest;
    needs.network_step = priced.sum / workload.round;
    needs.what = Describe(priced, config);
  }
  const absl::Duration wanted =
      kSafety * (longest + workload.skew) + LongestCut(config.network(), states);
  needs.deadline = std::max(least, absl::Ceil(wanted, kStep));
  return needs;
}

absl::Duration Skew(const StepPlan& plan, const std::vector<DeviceOptions>& devices) {
  if (devices.empty()) return absl::ZeroDuration();
  const ComputeTable compute = BuildComputeTable(plan, devices);
  absl::Duration skew;
  for (size_t segment = 0; segment < compute.front().size(); ++segment) {
    absl::Duration fastest = absl::InfiniteDuration();
    absl::Duration slowest;
    for (const auto& rank : compute) {
      fastest = std::min(fastest, rank[segment]);
      slowest = std::max(slowest, rank[segment]);
    }
    skew = std::max(skew, slowest - fastest);
  }
  return skew;
}

}  // namespace

absl::StatusOr<CollectiveNeeds> NeedsOfStep(const v1::RunConfig& config) {
  ASSIGN_OR_RETURN(const RunPlans plans, RunPlans::Build(config));
  const StepPlan& plan = plans.fullest();
  Workload workload;
  workload.round = plans.calendar().round();
  workload.algorithms = {config.collective().algorithm()};
  for (const CollectiveStep& step : Collectives(plan.steps.front())) {
    if (step.elements == 0) continue;
    ++workload.sizes[{step.elements, step.wire}];
  }
  workload.skew = workload.round * Skew(plan, DeviceOptionsOf(config));
  return NeedsOf(config, workload);
}

absl::StatusOr<CollectiveNeeds> NeedsOfAllReduces(const v1::RunConfig& config,
                                                  const std::vector<int64_t>& bytes,
                                                  const std::vector<std::string>& algorithms) {
  Workload workload;
  workload.algorithms = algorithms;
  for (const int64_t size : bytes)
    workload.sizes[{size / int64_t{sizeof(float)}, WireFormat()}] = 1;
  return NeedsOf(config, workload);
}

absl::Status ResolveDeadline(const CollectiveNeeds& needs, v1::RunConfig* config) {
  v1::CollectiveConfig* collective = config->mutable_collective();
  if (!collective->has_deadline_seconds()) {
    collective->set_deadline_seconds(absl::ToDoubleSeconds(needs.deadline));
    return absl::OkStatus();
  }
  const absl::Duration deadline = absl::Seconds(collective->deadline_seconds());
  if (config->clock() == v1::CLOCK_SIMULATED || deadline >= needs.slowest) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("deadline: ", edgetp::FormatDuration(deadline), " cannot be met: ", needs.what,
                   " takes ", edgetp::FormatDuration(needs.slowest), "; without --deadline it is ",
                   edgetp::FormatDuration(needs.deadline)));
}

void ForgetDefaultDeadline(v1::RunConfig* config) {
  const absl::StatusOr<CollectiveNeeds> needs = NeedsOfStep(*config);
  if (!needs.ok()) return;
  if (absl::Seconds(config->collective().deadline_seconds()) == needs->deadline)
    config->mutable_collective()->clear_deadline_seconds();
}

}  // namespace edgetp
