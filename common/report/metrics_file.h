// metrics.jsonl as a report reads it: one point for each step that counts. Pure.
#pragma once

#include <array>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
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
  std::string network;  // in force; empty: it does not say
  // By kBreakdownTerms, in seconds.
  std::optional<std::array<double, std::size(kBreakdownTerms)>> breakdown;
};

// Of a file that may still grow.
class MetricsParser {
 public:
  // `origin` is the file's name in warnings.
  explicit MetricsParser(std::string origin) : origin_(std::move(origin)) {}

  // The next lines, whole ones. Where a run went back to a checkpoint, the later attempt counts:
  // what an earlier one did from that step on goes.
  void Add(const std::string& text);

  const std::vector<StepPoint>& steps() const { return steps_; }  // rising
  // A line that cannot be read is left out: "FILE:LINE: rule". The first few are named.
  std::vector<std::string> warnings() const;

 private:
  std::string origin_;
  int lines_ = 0;
  size_t broken_ = 0;
  std::vector<StepPoint> steps_;
  std::vector<std::string> warnings_;
};

struct MetricsFile {
  std::vector<StepPoint> steps;
  std::vector<std::string> warnings;
};

// A whole file, by MetricsParser.
MetricsFile ParseMetrics(const std::string& text, const std::string& origin);

}  // namespace edgetp
