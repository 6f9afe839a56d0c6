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

}  // namespace

bool IsRunDirectory(const std::string& directory) {
  const fs::path path = directory;
  return Exists(path / "config.textproto") || Exists(path / "summary.json");
}

absl::StatusOr<RunRecord> ReadRun(const std::string& directory) {
  RunReader reader(directory);
  RETURN_IF_ERROR(reader.Refresh(RunReader::LastLine::kIsBroken).status());
  return reader.run();
}

RunReader::RunReader(const std::string& directory)
    : directory_(fs::path(directory).lexically_normal().string()),
      metrics_((fs::path(directory_) / "metrics.jsonl").string()) {
  const fs::path path = directory_;
  run_.name = (path.has_filename() ? path : path.parent_path()).filename().string();
}

bool RunReader::Changed(const std::string& path, std::optional<FileState>* seen) {
  std::error_code error;
  std::optional<FileState> now;
  const auto bytes = fs::file_size(path, error);
  const auto time = error ? fs::file_time_type() : fs::last_write_time(path, error);
  if (!error) now = FileState{bytes, time.time_since_epoch().count()};
  return std::exchange(*seen, now) != now;
}

absl::StatusOr<bool> RunReader::ReadMetrics(LastLine last) {
  const std::string file = (fs::path(directory_) / "metrics.jsonl").string();
  if (!Changed(file, &metrics_state_) || !metrics_state_.has_value()) return false;
  // It is shorter: half a line of a killed server was cut off, or it is another file.
  if (metrics_state_->bytes < metrics_bytes_) {
    metrics_ = MetricsParser(file);
    metrics_bytes_ = 0;
  }
  if (metrics_state_->bytes > kMaxMetricsBytes)
    return ReadWholeFile(file, kMaxMetricsBytes).status();
  ASSIGN_OR_RETURN(std::string text, ReadFileRange(file, metrics_bytes_, kMaxMetricsBytes));
  if (last == LastLine::kComes) text.resize(text.rfind('\n') + 1);  // npos + 1 is 0
  metrics_bytes_ += text.size();
  metrics_.Add(text);
  return !text.empty();
}

absl::StatusOr<bool> RunReader::ReadSummary() {
  const std::string file = (fs::path(directory_) / "summary.json").string();
  if (!Changed(file, &summary_state_)) return false;
  summary_.reset();
  summary_fault_.clear();
  if (!summary_state_.has_value()) return true;
  ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(file, kMaxSummaryBytes));
  auto summary = ParseSummary(text);
  if (summary.ok()) summary_ = *std::move(summary);
  summary_fault_ = std::string(summary.status().message());
  return true;
}

bool RunReader::ReadConfig(bool first) {
  const std::string file = (fs::path(directory_) / "config.textproto").string();
  if (!Changed(file, &config_state_) && !first) return false;
  auto config = LoadRunFile(file);
  config_fault_ = std::string(config.status().message());
  run_.config.reset();
  if (config.ok()) run_.config = *std::move(config);
  return true;
}

// Of a run without a summary, or with a broken one, what its steps say.
void RunReader::Assemble(LastLine last) {
  run_.steps = metrics_.steps();
  run_.warnings = metrics_.warnings();
  run_.summary = summary_.has_value() ? *summary_ : SummaryOfSteps(run_.steps);
  if (!finished() && last == LastLine::kIsBroken) {
    run_.warnings.push_back(absl::StrCat(
        run_.name, ": unfinished: it has no summary.json; shown as far as its metrics go"));
  } else if (finished() && !summary_.has_value()) {
    run_.warnings.push_back(absl::StrCat((fs::path(directory_) / "summary.json").string(), ": ",
                                         summary_fault_,
                                         "; the run is shown as far as its metrics go"));
  }
  if (run_.config.has_value()) {
    AddFactsOfConfig(*run_.config, &run_.summary);
  } else {
    run_.warnings.push_back(absl::StrCat("run ", run_.name, ": no timeline: ", config_fault_));
  }
}

absl::StatusOr<bool> RunReader::Refresh(LastLine last) {
  if (!IsRunDirectory(directory_)) {
    return absl::NotFoundError(absl::StrCat(
        directory_, ": no run directory: it has no config.textproto and no summary.json"));
  }
  const bool first = !looked_for_.has_value();
  const bool anew = std::exchange(looked_for_, last) != last;
  ASSIGN_OR_RETURN(const bool has_steps, ReadMetrics(last));
  ASSIGN_OR_RETURN(const bool has_summary, ReadSummary());
  const bool has_config = ReadConfig(first);
  if (!anew && !has_steps && !has_summary && !has_config) return false;
  Assemble(last);
  return true;
}

}  // namespace edgetp
