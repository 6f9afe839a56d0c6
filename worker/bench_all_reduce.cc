#include "worker/bench_all_reduce.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

constexpr double kSecondsPerCell = 1.0;
constexpr int kProbes = 5;  // timed to choose the number of iterations
constexpr int kMinIterations = 5;
constexpr int kMaxIterations = 20'000;
constexpr CollectiveTag kTag = {TrafficClass::kControl, Phase::kForward,
                                -1};  // control: always fp32

absl::StatusOr<double> TimeOne(CollectiveGroup* group, std::vector<float>& data) {
  const absl::Time begin = MonotonicNow();
  RETURN_IF_ERROR(group->AllReduce(kTag, absl::MakeSpan(data)));
  return absl::ToDoubleMicroseconds(MonotonicNow() - begin);
}

// The ranks' own timings differ, their sum does not: all get the same answer.
absl::StatusOr<int> AgreeOnIterations(CollectiveGroup* group, std::vector<float>& data) {
  double probe_us = 0;
  for (int i = 0; i < kProbes; ++i) {
    ASSIGN_OR_RETURN(const double us, TimeOne(group, data));
    probe_us += us / kProbes;
  }
  float sum_us = static_cast<float>(probe_us);
  RETURN_IF_ERROR(group->AllReduce(kTag, absl::MakeSpan(&sum_us, 1)));
  const double mean_us = std::max(1.0, static_cast<double>(sum_us) / group->world_size());
  return static_cast<int>(
      std::clamp(kSecondsPerCell * 1e6 / mean_us, double{kMinIterations}, double{kMaxIterations}));
}

double Quantile(const std::vector<double>& sorted, double probability) {
  const double rank = std::ceil(probability * static_cast<double>(sorted.size())) - 1;
  return sorted[static_cast<size_t>(std::max(0.0, rank))];
}

absl::StatusOr<v1::BenchRow> BenchCell(const v1::BenchTask& task, int64_t bytes,
                                       CollectiveGroup* group) {
  if (bytes < 1 || bytes % 4 != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "bench all_reduce: a size must be a positive multiple of 4 bytes (bytes=", bytes, ")"));
  }
  std::vector<float> data(bytes / 4, 0.0f);
  for (int i = 0; i < task.warmup(); ++i) RETURN_IF_ERROR(TimeOne(group, data).status());
  int iterations = task.iterations();
  if (!task.has_iterations()) {
    ASSIGN_OR_RETURN(iterations, AgreeOnIterations(group, data));
  }
  std::vector<double> times_us;
  for (int i = 0; i < std::max(1, iterations); ++i) {
    ASSIGN_OR_RETURN(const double us, TimeOne(group, data));
    times_us.push_back(us);
  }
  std::sort(times_us.begin(), times_us.end());
  v1::BenchRow row;
  row.set_bytes(static_cast<double>(bytes));
  row.set_workers(group->world_size());
  ASSIGN_OR_RETURN(*row.mutable_algorithm(), group->AlgorithmFor(kTag.traffic, bytes / 4));
  row.set_median_us(Quantile(times_us, 0.5));
  row.set_p99_us(Quantile(times_us, 0.99));
  row.set_bandwidth_bytes_per_second(static_cast<double>(bytes) / (row.median_us() * 1e-6));
  row.set_iterations(static_cast<int32_t>(times_us.size()));
  return row;
}

}  // namespace

absl::StatusOr<v1::BenchReport> BenchAllReduce(const v1::BenchTask& task,
                                               const std::string& network, CollectiveGroup* group) {
  v1::BenchReport report;
  report.set_network(network);
  const AlgorithmChooser own = group->chooser();
  for (const std::string& algorithm : task.algorithms()) {
    group->SetChooser(algorithm == "auto" ? own : FixedAlgorithm(algorithm));
    for (const int64_t bytes : task.bytes()) {
      ASSIGN_OR_RETURN(*report.add_rows(), BenchCell(task, bytes, group));
    }
  }
  group->SetChooser(own);
  return report;
}

}  // namespace edgetp
