// A metrics.jsonl: whatever it holds, the steps that count rise, and curves of them can be drawn.
#include <algorithm>
#include <cmath>
#include <vector>

#include "common/report/downsample.h"
#include "common/report/metrics_file.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  const MetricsFile file = ParseMetrics(FuzzInput(data, size).Text(), "fuzz");
  std::vector<double> steps;
  std::vector<double> losses;
  for (const StepPoint& point : file.steps) {
    FUZZ_EXPECT(point.step >= 1 && (steps.empty() || point.step > steps.back()));
    FUZZ_EXPECT(point.wall_seconds >= 0 && std::isfinite(point.train_loss.value_or(0)));
    steps.push_back(point.step);
    losses.push_back(point.train_loss.value_or(0));
  }
  FUZZ_EXPECT(LargestTriangles(steps, losses, 10).size() == std::min<size_t>(steps.size(), 10));
  FUZZ_EXPECT(TrailingMeans(losses, 3).size() == losses.size());
  FUZZ_EXPECT(file.warnings.size() <= 6);
  return 0;
}
