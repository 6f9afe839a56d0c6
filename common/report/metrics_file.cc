#include "common/report/metrics_file.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

using nlohmann::json;

// A file of another kind would fill the page with them.
constexpr size_t kNamedLines = 5;

std::optional<double> Finite(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number()) return std::nullopt;
  const double value = found->get<double>();
  return std::isfinite(value) ? std::optional<double>(value) : std::nullopt;
}

int Attempt(const json& record) {
  const auto attempt = Finite(record, "attempt");
  return attempt.has_value() ? static_cast<int>(std::clamp(*attempt, 0.0, 1e6)) : 0;
}

decltype(StepPoint::breakdown) BreakdownOf(const json& record) {
  const auto found = record.find("breakdown_seconds");
  if (found == record.end() || !found->is_object()) return std::nullopt;
  std::array<double, std::size(kBreakdownTerms)> terms = {};
  for (size_t i = 0; i < terms.size(); ++i)
    terms[i] = Finite(*found, kBreakdownTerms[i].name).value_or(0);
  return terms;
}

// Errors: InvalidArgument with the rule that the line breaks.
absl::StatusOr<StepPoint> ParseLine(const std::string& line) {
  const json record = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object()) return absl::InvalidArgumentError("must be one JSON object");
  constexpr double kMaxStep = 1e9;
  const auto step = Finite(record, "step");
  if (!step.has_value() || *step < 1 || *step > kMaxStep || *step != std::floor(*step))
    return absl::InvalidArgumentError("\"step\" must be a whole number from 1");
  const auto wall = Finite(record, "wall_seconds");
  if (!wall.has_value() || *wall < 0)
    return absl::InvalidArgumentError("\"wall_seconds\" must be a number >= 0");
  StepPoint point;
  point.step = static_cast<int>(*step);
  point.wall_seconds = *wall;
  point.attempt = Attempt(record);
  point.train_loss = Finite(record, "train_loss");
  point.val_loss = Finite(record, "val_loss");
  point.step_seconds = Finite(record, "step_seconds");
  point.breakdown = BreakdownOf(record);
  if (const auto energy = record.find("energy"); energy != record.end() && energy->is_object())
    point.joules = Finite(*energy, "joules");
  if (const auto network = record.find("network"); network != record.end() && network->is_string())
    point.network = network->get<std::string>();
  return point;
}

// A later attempt begins at a checkpoint; a record that is there twice counts once.
void Append(const StepPoint& point, std::vector<StepPoint>* steps) {
  while (!steps->empty() && steps->back().step >= point.step &&
         steps->back().attempt <= point.attempt)
    steps->pop_back();
  if (steps->empty() || steps->back().step < point.step) steps->push_back(point);
}

}  // namespace

void MetricsParser::Add(const std::string& text) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++lines_;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    auto point = ParseLine(line);
    if (point.ok()) {
      Append(*point, &steps_);
    } else if (++broken_ <= kNamedLines) {
      warnings_.push_back(absl::StrCat(origin_, ":", lines_, ": ",
                                       std::string(point.status().message()),
                                       "; the line was left out"));
    }
  }
}

std::vector<std::string> MetricsParser::warnings() const {
  std::vector<std::string> all = warnings_;
  if (broken_ > kNamedLines)
    all.push_back(absl::StrCat(origin_, ": ", broken_ - kNamedLines, " more lines were left out"));
  return all;
}

MetricsFile ParseMetrics(const std::string& text, const std::string& origin) {
  MetricsParser parser(origin);
  parser.Add(text);
  return {parser.steps(), parser.warnings()};
}

}  // namespace edgetp
