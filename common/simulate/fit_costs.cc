#include "common/simulate/fit_costs.h"

#include <algorithm>
#include <cmath>

namespace edgetp {
namespace {

constexpr int kMaxRounds = 100'000;
constexpr double kConverged = 1e-12;

// What counts is a step; its segments tell the terms apart.
constexpr double kSegmentWeight = 0.3;

constexpr size_t kComputeTerms = 5;

std::vector<double> TermsOf(const SegmentWork& work) {
  return {work.product_flops, work.elementwise_bytes, work.optimizer_bytes, work.operations,
          work.beside_collective ? 1.0 : 0.0};
}

double RateOf(double seconds_per_unit) { return seconds_per_unit > 0 ? 1 / seconds_per_unit : 0; }

// The largest of each column: terms differ by ten orders of magnitude.
std::vector<double> Scales(const std::vector<std::vector<double>>& rows) {
  std::vector<double> scales(rows.front().size(), 0);
  for (const std::vector<double>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) scales[i] = std::max(scales[i], std::abs(row[i]));
  }
  return scales;
}

}  // namespace

std::vector<double> NonNegativeLeastSquares(const std::vector<std::vector<double>>& rows,
                                            const std::vector<double>& values) {
  if (rows.empty()) return {};
  const std::vector<double> scales = Scales(rows);
  const size_t terms = scales.size();
  // Normal equations: gram * x = right.
  std::vector<std::vector<double>> gram(terms, std::vector<double>(terms, 0));
  std::vector<double> right(terms, 0);
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t i = 0; i < terms; ++i) {
      if (scales[i] == 0) continue;
      const double a = rows[r][i] / scales[i];
      right[i] += a * values[r];
      for (size_t j = 0; j < terms; ++j) {
        if (scales[j] > 0) gram[i][j] += a * rows[r][j] / scales[j];
      }
    }
  }
  // Coordinate descent: each term in turn takes its best value, the others being as they are.
  std::vector<double> x(terms, 0);
  for (int round = 0; round < kMaxRounds; ++round) {
    double moved = 0;
    for (size_t i = 0; i < terms; ++i) {
      if (gram[i][i] == 0) continue;
      double rest = right[i];
      for (size_t j = 0; j < terms; ++j) {
        if (j != i) rest -= gram[i][j] * x[j];
      }
      const double best = std::max(0.0, rest / gram[i][i]);
      moved = std::max(moved, std::abs(best - x[i]));
      x[i] = best;
    }
    if (moved <= kConverged * *std::max_element(x.begin(), x.end())) break;
  }
  for (size_t i = 0; i < terms; ++i) x[i] = scales[i] > 0 ? x[i] / scales[i] : 0;
  return x;
}

void FitCompute(const std::vector<MeasuredStep>& steps, DeviceOptions* device) {
  std::vector<std::vector<double>> rows;
  std::vector<double> values;
  const auto add = [&](const std::vector<double>& terms, double seconds, double weight) {
    rows.push_back(terms);
    for (double& term : rows.back()) term *= weight;
    values.push_back(weight * seconds);
  };
  for (const MeasuredStep& step : steps) {
    std::vector<double> sum(kComputeTerms, 0);
    double step_seconds = 0;
    for (const MeasuredSegment& segment : step) {
      step_seconds += segment.seconds;
      const std::vector<double> terms = TermsOf(segment.work);
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += terms[i];
    }
    if (step_seconds <= 0) continue;
    add(sum, step_seconds, 1 / step_seconds);
    for (const MeasuredSegment& segment : step) {
      if (segment.seconds <= 0) continue;
      const double weight = kSegmentWeight / std::sqrt(segment.seconds * step_seconds);
      add(TermsOf(segment.work), segment.seconds, weight);
    }
  }
  const std::vector<double> costs = NonNegativeLeastSquares(rows, values);
  if (costs.empty()) return;
  device->flops_per_second = RateOf(costs[0]);
  device->elementwise_bytes_per_second = RateOf(costs[1]);
  device->optimizer_bytes_per_second = RateOf(costs[2]);
  device->operation_overhead = absl::Seconds(costs[3]);
  device->segment_overhead = absl::Seconds(costs[4]);
}

void FitMessages(const std::vector<MeasuredMessages>& steps, DeviceOptions* device) {
  std::vector<std::vector<double>> rows;
  std::vector<double> values;
  for (const MeasuredMessages& step : steps) {
    if (step.seconds <= 0) continue;
    const double weight = 1 / step.seconds;
    rows.push_back({weight * 2 * step.messages, weight * step.bytes});
    values.push_back(1);
  }
  const std::vector<double> costs = NonNegativeLeastSquares(rows, values);
  if (costs.empty()) return;
  device->message_overhead = absl::Seconds(costs[0]);
  device->message_bytes_per_second = RateOf(costs[1]);
}

}  // namespace edgetp
