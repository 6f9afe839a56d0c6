#include "common/report/run_record.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/files.h"
#include "common/base/quantile.h"
#include "common/base/status_macros.h"
#include "common/config/convert.h"
#include "common/config/load.h"
#include "common/plan/pattern.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// A million steps of eight ranks; more would not fit into memory comfortably.
constexpr uint64_t kMaxMetricsBytes = uint64_t{2} << 30;
constexpr uint64_t kMaxSummaryBytes = 16 << 20;
constexpr int kMaxDepth = 32;

bool Exists(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

void SetIfAbsent(json* object, const char* key, json value) {
  if (!object->contains(key)) (*object)[key] = std::move(value);
}

// Of what summary.json says too, where it is there.
void AddFactsOfConfig(const v1::RunConfig& config, json* summary) {
  SetIfAbsent(summary, "model", config.model().name());
  SetIfAbsent(summary, "workers", config.workers());
  SetIfAbsent(summary, "network", config.network().name());
  SetIfAbsent(summary, "clock", config.clock() == v1::CLOCK_SIMULATED ? "simulated" : "emulated");
  SetIfAbsent(summary, "device", DescribeDevices(config));
  SetIfAbsent(summary, "tokens_per_step", SequencesPerStep(config) * config.model().sequence());
  const auto replicas = ToReplicaOptions(config);
  if (replicas.ok()) SetIfAbsent(summary, "strategy", NameOf(replicas->exchange));
  if (const auto overlap = ToOverlap(config); overlap.ok())
    SetIfAbsent(summary, "overlap", ToString(*overlap));
  const auto pattern = Pattern::Parse(config.pattern(), config.model().layers());
  if (!pattern.ok()) return;
  SetIfAbsent(summary, "pattern", pattern->Expanded());
  const bool shares = !replicas.ok() || !replicas->replicated();
  SetIfAbsent(summary, "sync_points_forward", shares ? pattern->ForwardSyncPoints() : 0);
}

std::vector<double> StepSeconds(const std::vector<StepPoint>& steps) {
  std::vector<double> seconds;
  for (const StepPoint& point : steps) {
    if (point.step_seconds.has_value()) seconds.push_back(*point.step_seconds);
  }
  return seconds;
}

// Of a mean step; nothing where a step does not say.
json MeanBreakdown(const std::vector<StepPoint>& steps) {
  json mean = json::object();
  for (size_t term = 0; term < std::size(kBreakdownTerms); ++term) {
    double sum = 0;
    double count = 0;
    for (const StepPoint& point : steps) {
      if (!point.breakdown.has_value()) continue;
      sum += (*point.breakdown)[term];
      ++count;
    }
    if (count > 0) mean[kBreakdownTerms[term].name] = sum / count;
  }
  return mean;
}

// What the server would have written at the end, as far as it goes.
json SummaryOfSteps(const std::vector<StepPoint>& steps) {
  json summary = {{"status", "unfinished"}, {"steps", steps.empty() ? 0 : steps.back().step}};
  if (steps.empty()) return summary;
  summary["wall_seconds"] = steps.back().wall_seconds;
  json last = json::object();
  for (const StepPoint& point : steps) {
    if (point.train_loss.has_value()) last["train_loss"] = *point.train_loss;
    if (point.val_loss.has_value()) last["val_loss"] = *point.val_loss;
  }
  summary["final"] = last;
  const std::vector<double> seconds = StepSeconds(steps);
  if (!seconds.empty()) {
    summary["step_seconds"] = {{"median", Quantile(seconds, 0.5)},
                               {"p99", Quantile(seconds, 0.99)}};
  }
  if (json mean = MeanBreakdown(steps); !mean.empty()) summary["breakdown_seconds"] = mean;
  return summary;
}

// The object as it is, so that what an older version did not write stays absent; but each key that
// RunSummary has is of its type.
// Errors: InvalidArgument with the rule.
absl::StatusOr<json> ParseSummary(const std::string& text) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  v1::RunSummary typed;
  const auto fits = google::protobuf::util::JsonStringToMessage(text, &typed, options);
  if (!fits.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("must be the JSON object of a RunSummary: ", std::string(fits.message())));
  }
  // What follows, writes it recursively.
  const auto shallow = [](int depth, json::parse_event_t, json&) { return depth <= kMaxDepth; };
  json summary = json::parse(text, shallow, /*allow_exceptions=*/false);
  if (summary.is_object()) return summary;
  return absl::InvalidArgumentError("must be one JSON object");
}

// What summary.json says; of a run without one, or with a broken one, what its steps say.
absl::StatusOr<json> ReadSummary(const fs::path& path, RunRecord* run) {
  if (!Exists(path)) {
    run->warnings.push_back(absl::StrCat(
        run->name, ": unfinished: it has no summary.json; shown as far as its metrics go"));
    return SummaryOfSteps(run->steps);
  }
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path.string(), kMaxSummaryBytes));
  const auto summary = ParseSummary(text);
  if (summary.ok()) return *summary;
  run->warnings.push_back(absl::StrCat(path.string(), ": ", std::string(summary.status().message()),
                                       "; the run is shown as far as its metrics go"));
  return SummaryOfSteps(run->steps);
}

}  // namespace

bool IsRunDirectory(const std::string& directory) {
  const fs::path path = directory;
  return Exists(path / "config.textproto") || Exists(path / "summary.json");
}

absl::StatusOr<RunRecord> ReadRun(const std::string& directory) {
  if (!IsRunDirectory(directory)) {
    return absl::NotFoundError(absl::StrCat(
        directory, ": no run directory: it has no config.textproto and no summary.json"));
  }
  const fs::path path = fs::path(directory).lexically_normal();
  RunRecord run;
  run.name = (path.has_filename() ? path : path.parent_path()).filename().string();
  if (Exists(path / "metrics.jsonl")) {
    const std::string file = (path / "metrics.jsonl").string();
    ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(file, kMaxMetricsBytes));
    MetricsFile metrics = ParseMetrics(text, file);
    run.steps = std::move(metrics.steps);
    run.warnings = std::move(metrics.warnings);
  }
  ASSIGN_OR_RETURN(run.summary, ReadSummary(path / "summary.json", &run));
  auto config = LoadRunFile((path / "config.textproto").string());
  if (config.ok()) {
    AddFactsOfConfig(*config, &run.summary);
    run.config = *std::move(config);
  } else {
    run.warnings.push_back(
        absl::StrCat("run ", run.name, ": no timeline: ", std::string(config.status().message())));
  }
  return run;
}

}  // namespace edgetp
