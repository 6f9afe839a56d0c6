#include "common/simulate/choose_algorithm.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/collective/registry.h"
#include "common/network/impairment.h"
#include "common/simulate/timeline.h"

namespace edgetp {
namespace {

// Any fixed number: the choice must not depend on the run's seed.
constexpr uint64_t kPricingSeed = 1;

// Half of the interval, as a share of the mean, at which there are enough draws.
constexpr double kEnough = 0.02;
constexpr int kFewestDraws = 32;
// Of the normal distribution: between minus and plus so many standard errors lie 95 %.
constexpr double kInterval = 1.96;
// What did not come up in n draws has, with 95 % confidence, a probability below 3 / n.
constexpr double kRuleOfThree = 3;

// Pieces (segments, slices) stay as they are up to about a million; beyond it, the price is one of
// larger ones.
int64_t PricedPiece(const AllReduceProblem& problem, const Algorithm& algorithm, int64_t bytes) {
  constexpr double kMaxPieces = 1 << 20;
  const double sent = static_cast<double>(problem.wire_bytes()) *
                      algorithm.elements_sent_per_element(problem.world_size) * problem.world_size;
  const double pieces = sent / static_cast<double>(bytes);
  return pieces > kMaxPieces ? static_cast<int64_t>(sent / kMaxPieces) : bytes;
}

// The price shall hold for the whole run, and a trace changes from second to second.
template <typename HasRate>
void TakeMeanRate(HasRate* link) {
  if (link->trace == nullptr) return;
  link->rate_bits_per_second =
      LowerRate(link->rate_bits_per_second, link->trace->MeanBitsPerSecond());
  link->trace.reset();
}

NetworkOptions PricedNetwork(const NetworkOptions& network) {
  NetworkOptions priced = network;
  priced.partition_group.clear();
  TakeMeanRate(&priced.link);
  for (auto& [pair, link] : priced.overrides) TakeMeanRate(&link);
  for (InterfaceOptions& uplink : priced.uplinks) TakeMeanRate(&uplink);
  return priced;
}

StepPlan OneAllReduce(const AllReduceProblem& problem) {
  StepPlan plan;
  plan.world_size = problem.world_size;
  const CollectiveStep step{CollectiveTag{}, problem.elements, problem.wire};
  plan.steps.assign(problem.world_size, {PlanStep(step)});
  return plan;
}

// An unusually long delay that a message can meet on the link.
absl::Duration RareDelay(const LinkOptions& link) {
  constexpr double kDeviations = 3;
  const auto of_hop = [](const HopOptions& hop) {
    return hop.distribution == JitterDistribution::kQuantiles && !hop.quantiles.empty()
               ? hop.quantiles.back().jitter
               : hop.jitter * kDeviations;
  };
  absl::Duration rare = of_hop(link);
  if (link.second_hop != nullptr) rare += of_hop(*link.second_hop);
  return link.loss > 0 ? rare + RetransmissionTimeout(link) : rare;
}

absl::Duration RareDelay(const NetworkOptions& network) {
  absl::Duration rare = RareDelay(network.link);
  for (const auto& [pair, link] : network.overrides) rare = std::max(rare, RareDelay(link));
  return rare;
}

// Sums of all-reduces that are drawn one after another.
class Draws {
 public:
  explicit Draws(absl::Duration rare_delay) : rare_seconds_(absl::ToDoubleSeconds(rare_delay)) {}

  void Add(absl::Duration duration) {
    const double seconds = absl::ToDoubleSeconds(duration);
    ++count_;
    // Welford's: the squares of large times would swallow small differences.
    const double before = seconds - mean_;
    mean_ += before / count_;
    squares_ += before * (seconds - mean_);
    longest_ = std::max(longest_, duration);
  }

  int count() const { return count_; }
  // Never narrower than what a rare delay that has not come up could add to the mean.
  double HalfInterval() const {
    const double unseen = kRuleOfThree * rare_seconds_ / count_;
    if (count_ < 2) return unseen;
    return std::max(unseen, kInterval * std::sqrt(squares_ / (count_ - 1) / count_));
  }
  bool Enough() const { return count_ >= kFewestDraws && HalfInterval() <= kEnough * mean_; }

  AllReduceCost Cost() const {
    const absl::Duration half = absl::Seconds(HalfInterval());
    const absl::Duration mean = count_ == 1 ? longest_ : absl::Seconds(mean_);
    return {mean, std::max(absl::ZeroDuration(), mean - half), mean + half, longest_, count_};
  }

 private:
  const double rare_seconds_;
  int count_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // sum of squared distances from the mean
  absl::Duration longest_;
};

// One all-reduce after another, each entered by all ranks at once.
class PricedAllReduce {
 public:
  PricedAllReduce(TimelineSimulator simulator, StepPlan plan)
      : simulator_(std::move(simulator)),
        plan_(std::move(plan)),
        compute_(plan_.world_size, std::vector<absl::Duration>(2)) {}

  int64_t Segments() { return simulator_.Segments(plan_); }

  absl::StatusOr<absl::Duration> Draw() {
    ASSIGN_OR_RETURN(const StepTimeline timeline, simulator_.RunStep(plan_, compute_));
    absl::Time end = absl::InfinitePast();
    for (const RankStep& rank : timeline.ranks) end = std::max(end, rank.end);
    const absl::Duration duration = end - entry_;
    // Who is done early waits for the others before the next one: by then, every message is through.
    entry_ = end;
    for (size_t rank = 0; rank < compute_.size(); ++rank)
      compute_[rank].front() = entry_ - timeline.ranks[rank].end;
    return duration;
  }

 private:
  TimelineSimulator simulator_;
  const StepPlan plan_;
  ComputeTable compute_;
  absl::Time entry_ = absl::UnixEpoch();
};

absl::Status CheckProblem(const AllReduceProblem& problem) {
  if (problem.elements < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("price all_reduce: bad size (elements=", problem.elements, ")"));
  }
  if (problem.world_size < 1 || problem.segment_bytes < 1 || problem.slice_bytes < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "price all_reduce: world_size, segment_bytes and slice_bytes must be at least 1 "
        "(world_size=",
        problem.world_size, " segment_bytes=", problem.segment_bytes,
        " slice_bytes=", problem.slice_bytes, ")"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AllReduceCost> PriceAllReduce(const AllReduceProblem& problem,
                                             const std::string& algorithm, int64_t budget) {
  RETURN_IF_ERROR(CheckProblem(problem));
  ASSIGN_OR_RETURN(const Algorithm* row, FindAlgorithm(algorithm));
  RETURN_IF_ERROR(CheckFormat(*row, problem.wire));
  TimelineOptions options;
  options.world_size = problem.world_size;
  options.network = PricedNetwork(problem.network);
  options.seed = kPricingSeed;
  options.algorithm = algorithm;
  options.segment_bytes = PricedPiece(problem, *row, problem.segment_bytes);
  options.slice_bytes = PricedPiece(problem, *row, problem.slice_bytes);
  DeviceOptions device;
  device.message_overhead = problem.device.message_overhead;
  device.message_bytes_per_second = problem.device.message_bytes_per_second;
  device.codec_bytes_per_second = problem.device.codec_bytes_per_second;
  options.devices = {device};
  const bool random = options.network.Random();
  Draws draws(RareDelay(options.network));
  ASSIGN_OR_RETURN(TimelineSimulator simulator, TimelineSimulator::Create(std::move(options)));
  PricedAllReduce all_reduce(std::move(simulator), OneAllReduce(problem));
  const int64_t limit = random ? std::max<int64_t>(1, budget / (all_reduce.Segments() + 1)) : 1;
  // Looked at after each doubling alone: whoever stops at the first good moment stops too early.
  for (int64_t until = 1; until <= 2 * limit && !draws.Enough(); until *= 2) {
    while (draws.count() < std::min(until, limit)) {
      ASSIGN_OR_RETURN(const absl::Duration duration, all_reduce.Draw());
      draws.Add(duration);
    }
  }
  return draws.Cost();
}

bool ClearlyCheaper(absl::Duration price, absl::Duration than) {
  constexpr int64_t kRelativeRounding = 1'000'000;
  if (than == absl::InfiniteDuration()) return price < than;
  return price < than - std::max(absl::Nanoseconds(10), than / kRelativeRounding);
}

std::string ChooseAlgorithm(const AllReduceProblem& problem) {
  std::string best;
  absl::Duration best_price = absl::InfiniteDuration();
  for (const Algorithm& algorithm : Algorithms()) {
    if (!algorithm.sums_in_rank_order) continue;
    const auto price = PriceAllReduce(problem, algorithm.name, kChoiceBudget);
    if (price.ok() && ClearlyCheaper(price->mean, best_price)) {
      best = algorithm.name;
      best_price = price->mean;
    }
  }
  return best.empty() ? Algorithms().front().name : best;
}

std::function<std::string(const AllReduceProblem&)> AlgorithmMemo::Chooser() const {
  return [known = known_](const AllReduceProblem& problem) {
    const DeviceOptions& device = problem.device;
    const Key key(problem.world_size, problem.elements, problem.wire, problem.segment_bytes,
                  device.message_overhead, device.message_bytes_per_second,
                  device.codec_bytes_per_second);
    const auto found = known->find(key);
    if (found != known->end()) return found->second;
    return (*known)[key] = ChooseAlgorithm(problem);
  };
}

}  // namespace edgetp
