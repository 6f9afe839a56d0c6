#include "worker/job/bench_all_reduce.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/quantile.h"
#include "common/base/status_macros.h"
#include "common/network/verdict.h"
#include "worker/transport/peer_clock.h"

namespace edgetp {
namespace {

constexpr double kBatchSeconds = 0.5;
constexpr double kSecondsPerCell = 10;
constexpr double kWarmupSeconds = 1;
constexpr double kEnoughSpread = 0.02;  // half the median's interval, as a share of it
constexpr int kMinRounds = 9;           // of fewer, the interval is all of them
constexpr int kMaxRounds = 20'000;
// An activation of the forward pass: in the format that --wire_forward says.
constexpr CollectiveTag kTimed = {TrafficClass::kActivationForward, Phase::kForward, -1};
constexpr CollectiveTag kAside = {TrafficClass::kControl, Phase::kForward, -1};
// A sleep ends some 30 us late on an idle host.
constexpr absl::Duration kSpin = absl::Microseconds(50);

// Each rank's row of a table. A row is the sum of itself and zeros: exact.
absl::StatusOr<std::vector<std::vector<float>>> Gather(CollectiveGroup* group,
                                                       const std::vector<float>& own) {
  std::vector<float> table(own.size() * group->world_size(), 0.0f);
  std::copy(own.begin(), own.end(),
            table.begin() + static_cast<ptrdiff_t>(own.size()) * group->rank());
  RETURN_IF_ERROR(group->AllReduce(kAside, absl::MakeSpan(table)));
  std::vector<std::vector<float>> rows;
  for (auto row = table.begin(); row != table.end(); row += static_cast<ptrdiff_t>(own.size()))
    rows.emplace_back(row, row + static_cast<ptrdiff_t>(own.size()));
  return rows;
}

// A float has 24 bits: four of them hold a time exactly.
constexpr int kWords = 4;

std::vector<float> Pack(absl::Time time) {
  const auto ns = static_cast<uint64_t>(absl::ToUnixNanos(time));
  std::vector<float> words;
  for (int i = 0; i < kWords; ++i) words.push_back(static_cast<float>((ns >> (16 * i)) & 0xffff));
  return words;
}

absl::Time Unpack(const std::vector<float>& words) {
  uint64_t ns = 0;
  for (int i = 0; i < kWords; ++i) ns |= static_cast<uint64_t>(words[i]) << (16 * i);
  return absl::FromUnixNanos(static_cast<int64_t>(ns));
}

double Microseconds(absl::Duration duration) { return absl::ToDoubleMicroseconds(duration); }

// Rounds of one size, one after another.
class Rounds {
 public:
  Rounds(CollectiveGroup* group, int64_t elements)
      : group_(group),
        data_(elements, 0.0f),
        plan_{{kTimed, elements, group->WireOf(kTimed.traffic)}} {}

  // Times of that many rounds, in us: the same on all ranks.
  absl::StatusOr<std::vector<double>> Run(int count) {
    std::vector<float> own;
    for (int i = 0; i < count; ++i) {
      ASSIGN_OR_RETURN(const absl::Time start, Meet());
      const absl::Time entered = MonotonicNow();
      group_->BeginStep(0, plan_);
      RETURN_IF_ERROR(group_->AllReduce(kTimed, absl::MakeSpan(data_)));
      RETURN_IF_ERROR(group_->EndStep());
      const absl::Time left = MonotonicNow();
      const absl::Time origin = group_->one_clock() ? start : entered;
      own.push_back(static_cast<float>(Microseconds(entered - origin)));
      own.push_back(static_cast<float>(Microseconds(left - origin)));
    }
    ASSIGN_OR_RETURN(const auto ranks, Gather(group_, own));
    std::vector<double> times_us;
    for (int i = 0; i < count; ++i) {
      float entered_us = 0;
      float left_us = 0;
      for (const std::vector<float>& rank : ranks) {
        entered_us = std::max(entered_us, rank[2 * i]);
        left_us = std::max(left_us, rank[2 * i + 1]);
      }
      times_us.push_back(left_us - entered_us);
    }
    return times_us;
  }

  // How long a round takes with its barrier: the slowest rank's answer.
  absl::StatusOr<double> SecondsOfOne() {
    const absl::Time begin = MonotonicNow();
    RETURN_IF_ERROR(Run(1).status());
    const auto seconds = static_cast<float>(absl::ToDoubleSeconds(MonotonicNow() - begin));
    ASSIGN_OR_RETURN(const auto ranks, Gather(group_, {seconds}));
    double slowest = 1e-6;
    for (const std::vector<float>& rank : ranks) slowest = std::max<double>(slowest, rank[0]);
    return slowest;
  }

 private:
  // The barrier. Returns when all may enter, at a moment that all ranks know, where they share a
  // clock: as long after the last one came as barriers have taken before.
  absl::StatusOr<absl::Time> Meet() {
    std::vector<float> own = Pack(MonotonicNow());
    own.push_back(static_cast<float>(barrier_us_));
    ASSIGN_OR_RETURN(const auto ranks, Gather(group_, own));
    if (!group_->one_clock()) return MonotonicNow();
    absl::Time last = absl::InfinitePast();
    double longest_us = 0;
    for (const std::vector<float>& rank : ranks) {
      last = std::max(last, Unpack(rank));
      longest_us = std::max<double>(longest_us, rank[kWords]);
    }
    barrier_us_ = std::max(barrier_us_ / 2, Microseconds(MonotonicNow() - last));
    const absl::Time start = last + absl::Microseconds(1.25 * longest_us) + 2 * kSpin;
    SleepUntil(start - kSpin);
    while (MonotonicNow() < start) {
    }
    return start;
  }

  CollectiveGroup* group_;
  std::vector<float> data_;
  const std::vector<CollectiveStep> plan_;
  double barrier_us_ = 0;  // a recent one, or half of a longer one before
};

// By order statistics: with 95 % confidence, the median is between the two.
bool MedianIsKnown(std::vector<double> times_us) {
  if (times_us.size() < kMinRounds) return false;
  std::sort(times_us.begin(), times_us.end());
  const auto count = static_cast<double>(times_us.size());
  const double deviation = 1.96 * std::sqrt(count) / 2;
  const auto low = static_cast<size_t>(std::max(0.0, std::floor(count / 2 - deviation) - 1));
  const auto high =
      std::min(times_us.size() - 1, static_cast<size_t>(std::ceil(count / 2 + deviation)));
  return times_us[high] - times_us[low] <= 2 * kEnoughSpread * Quantile(times_us, 0.5);
}

// All ranks see the same times, and so decide alike.
absl::StatusOr<std::vector<double>> TimeRounds(const v1::BenchTask& task, Rounds* rounds) {
  ASSIGN_OR_RETURN(double seconds, rounds->SecondsOfOne());
  const auto rounds_in = [&seconds](double span, int least, int most) {
    return static_cast<int>(std::clamp<double>(span / seconds, least, std::max(least, most)));
  };
  if (task.warmup() > 1) {
    RETURN_IF_ERROR(rounds->Run(rounds_in(kWarmupSeconds, 0, task.warmup() - 1)).status());
    ASSIGN_OR_RETURN(seconds, rounds->SecondsOfOne());
  }
  if (task.has_iterations()) return rounds->Run(std::max(1, task.iterations()));
  const int most = rounds_in(kSecondsPerCell, kMinRounds, kMaxRounds);
  const int batch = rounds_in(kBatchSeconds, kMinRounds, most);
  std::vector<double> times_us;
  while (static_cast<int>(times_us.size()) < most && !MedianIsKnown(times_us)) {
    const int left = most - static_cast<int>(times_us.size());
    ASSIGN_OR_RETURN(const std::vector<double> more, rounds->Run(std::min(batch, left)));
    times_us.insert(times_us.end(), more.begin(), more.end());
  }
  return times_us;
}

absl::StatusOr<v1::BenchRow> BenchCell(const v1::BenchTask& task, int64_t bytes,
                                       CollectiveGroup* group) {
  if (bytes < 1 || bytes % 4 != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "bench all_reduce: a size must be a positive multiple of 4 bytes (bytes=", bytes, ")"));
  }
  Rounds rounds(group, bytes / 4);
  ASSIGN_OR_RETURN(std::vector<double> times_us, TimeRounds(task, &rounds));
  std::sort(times_us.begin(), times_us.end());
  v1::BenchRow row;
  row.set_bytes(static_cast<double>(bytes));
  row.set_workers(group->world_size());
  ASSIGN_OR_RETURN(*row.mutable_algorithm(), group->AlgorithmFor(kTimed.traffic, bytes / 4));
  row.set_median_us(Quantile(times_us, 0.5));
  row.set_p99_us(Quantile(times_us, 0.99));
  row.set_min_us(times_us.front());
  row.set_p25_us(Quantile(times_us, 0.25));
  row.set_p75_us(Quantile(times_us, 0.75));
  row.set_max_us(times_us.back());
  row.set_bandwidth_bytes_per_second(static_cast<double>(bytes) / (row.median_us() * 1e-6));
  row.set_iterations(static_cast<int32_t>(times_us.size()));
  return row;
}

// Over the timed rounds of all ranks.
absl::StatusOr<v1::Verdict> JudgeAllRanks(CollectiveGroup* group) {
  const v1::Fidelity own = group->TotalFidelity();
  ASSIGN_OR_RETURN(
      const auto ranks,
      Gather(group,
             {static_cast<float>(own.messages()), static_cast<float>(own.late_messages()),
              static_cast<float>(own.late_seconds()), static_cast<float>(own.overrun_seconds()),
              static_cast<float>(own.error_p99_us()), static_cast<float>(own.error_max_us()),
              static_cast<float>(own.elapsed_seconds()), own.held_by_senders() ? 1.0f : 0.0f,
              static_cast<float>(own.clock_bound_us()),
              static_cast<float>(own.clock_seconds())}));
  std::vector<v1::Fidelity> fidelities;
  for (const std::vector<float>& rank : ranks) {
    v1::Fidelity& fidelity = fidelities.emplace_back();
    fidelity.set_messages(rank[0]);
    fidelity.set_late_messages(rank[1]);
    fidelity.set_late_seconds(rank[2]);
    fidelity.set_overrun_seconds(rank[3]);
    fidelity.set_error_p99_us(rank[4]);
    fidelity.set_error_max_us(rank[5]);
    fidelity.set_elapsed_seconds(rank[6]);
    fidelity.set_held_by_senders(rank[7] != 0);
    fidelity.set_clock_bound_us(rank[8]);
    fidelity.set_clock_seconds(rank[9]);
  }
  const v1::Fidelity worst = WorstOf(fidelities);
  return Judge(worst, /*emulated=*/worst.messages() > 0);
}

}  // namespace

absl::StatusOr<v1::BenchReport> BenchAllReduce(const v1::BenchTask& task,
                                               const std::string& network, CollectiveGroup* group) {
  v1::BenchReport report;
  report.set_network(network);
  const AlgorithmChooser own = group->chooser();
  group->ResetTotalFidelity();
  for (const std::string& algorithm : task.algorithms()) {
    group->SetChooser(algorithm == "auto" ? own : FixedAlgorithm(algorithm));
    for (const int64_t bytes : task.bytes()) {
      ASSIGN_OR_RETURN(*report.add_rows(), BenchCell(task, bytes, group));
    }
  }
  group->SetChooser(own);
  ASSIGN_OR_RETURN(*report.mutable_verdict(), JudgeAllRanks(group));
  return report;
}

}  // namespace edgetp
