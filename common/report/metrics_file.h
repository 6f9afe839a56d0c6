// metrics.jsonl as a report reads it: one point for each step that counts. Pure.
#pragma once

#include <array>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "common/network/attribution.h"

namespace edgetp {

// What one record says. Absent: it does not say so, or says no finite number.
struct StepPoint {
  int step = 0;
  int attempt = 0;
  double wall_seconds = 0;
  std::optional<double> train_loss;
  std::optional<double> val_loss;
  std::optional<double> step_seconds;
  std::optional<double> joules;
  // By kBreakdownTerms, in seconds.
  std::optional<std::array<double, std::size(kBreakdownTerms)>> breakdown;
};

struct MetricsFile {
  std::vector<StepPoint> steps;  // rising
  // A line that cannot be read is left out: "FILE:LINE: rule". The first few are named.
  std::vector<std::string> warnings;
};

// `origin` is the file's name in warnings. Where a run went back to a checkpoint, the later attempt
// counts: what an earlier one did from that step on is left out.
MetricsFile ParseMetrics(const std::string& text, const std::string& origin);

}  // namespace edgetp
