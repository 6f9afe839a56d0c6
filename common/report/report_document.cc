#include "common/report/report_document.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/version.h"
#include "common/report/downsample.h"
#include "common/report/run_groups.h"

namespace edgetp {
namespace {

using nlohmann::json;

constexpr size_t kAllSpans = 40'000;
// Of one run: of a network that flips all the time, more would cover the curve.
constexpr size_t kMaxChanges = 100;
// Of the calmer line: as many steps as hide the noise of batches and still show a bend.
constexpr size_t kMeanWindow = 20;

// Seven digits are more than a screen shows, and half of what a double takes.
double Short(double value) { return std::strtod(absl::StrFormat("%.7g", value).c_str(), nullptr); }

json ShortOrNull(const std::optional<double>& value) {
  return value.has_value() ? json(Short(*value)) : json(nullptr);
}

// The curve of the training loss. Columns, because rows would say each name ten thousand times.
json Curve(const std::vector<StepPoint>& steps, size_t count) {
  std::vector<double> x;
  std::vector<double> loss;
  std::vector<const StepPoint*> points;
  std::vector<double> joules;
  double spent = 0;
  for (const StepPoint& point : steps) {
    spent += point.joules.value_or(0);
    if (!point.train_loss.has_value()) continue;
    x.push_back(point.step);
    loss.push_back(*point.train_loss);
    points.push_back(&point);
    joules.push_back(spent);
  }
  const std::vector<double> means = TrailingMeans(loss, kMeanWindow);
  json curve = {{"step", json::array()},         {"wall_seconds", json::array()},
                {"train_loss", json::array()},   {"train_loss_mean", json::array()},
                {"step_seconds", json::array()}, {"joules", json::array()}};
  for (const size_t i : LargestTriangles(x, loss, count)) {
    curve["step"].push_back(points[i]->step);
    curve["wall_seconds"].push_back(Short(points[i]->wall_seconds));
    curve["train_loss"].push_back(Short(loss[i]));
    curve["train_loss_mean"].push_back(Short(means[i]));
    curve["step_seconds"].push_back(ShortOrNull(points[i]->step_seconds));
    curve["joules"].push_back(Short(joules[i]));
  }
  if (spent <= 0) curve.erase("joules");
  return curve;
}

json Evaluations(const std::vector<StepPoint>& steps) {
  json columns = {
      {"step", json::array()}, {"wall_seconds", json::array()}, {"val_loss", json::array()}};
  for (const StepPoint& point : steps) {
    if (!point.val_loss.has_value()) continue;
    columns["step"].push_back(point.step);
    columns["wall_seconds"].push_back(Short(point.wall_seconds));
    columns["val_loss"].push_back(Short(*point.val_loss));
  }
  return columns;
}

// The steps that were the first under another network than the step before.
json NetworkChanges(const std::vector<StepPoint>& steps) {
  json columns = {
      {"step", json::array()}, {"wall_seconds", json::array()}, {"network", json::array()}};
  for (size_t i = 1; i < steps.size() && columns["step"].size() < kMaxChanges; ++i) {
    if (steps[i].network.empty() || steps[i].network == steps[i - 1].network) continue;
    columns["step"].push_back(steps[i].step);
    columns["wall_seconds"].push_back(Short(steps[i].wall_seconds));
    columns["network"].push_back(steps[i].network);
  }
  return columns;
}

// What summary.json does not say and a reader asks for.
json ConfigOf(const RunRecord& run) {
  if (!run.config.has_value()) return nullptr;
  const v1::TrainConfig& train = run.config->train();
  const v1::ModelConfig& model = run.config->model();
  return {{"seed", run.config->seed()},   {"layers", model.layers()},
          {"heads", model.heads()},       {"channels", model.channels()},
          {"sequence", model.sequence()}, {"vocabulary", model.vocabulary()},
          {"batch", train.batch()},       {"micro_batches", train.micro_batches()},
          {"steps", train.steps()},       {"learning_rate", train.learning_rate()}};
}

json RunOf(const RunRecord& run, size_t group, size_t points) {
  return {{"name", run.name},
          {"group", group},
          {"summary", run.summary},
          {"config", ConfigOf(run)},
          {"recorded_steps", run.steps.size()},
          {"curve", Curve(run.steps, points)},
          {"evaluations", Evaluations(run.steps)},
          {"network_changes", NetworkChanges(run.steps)}};
}

json SpansOf(const StepPicture& picture) {
  json spans = json::array();
  for (const StepSpan& span : picture.spans)
    spans.push_back(
        {span.rank, span.lane, span.kind, Short(span.begin_seconds), Short(span.end_seconds)});
  return spans;
}

// From the first of the group's runs that can be simulated.
void FillPicture(const std::vector<RunRecord>& runs, const RunGroup& group, size_t max_spans,
                 const DocumentOptions& options, json* out) {
  const RunRecord& run = runs[group.runs.front()];
  if (!run.config.has_value()) {
    (*out)["no_timeline"] = "the run's config cannot be read by this version";
    return;
  }
  PictureOptions picture_options;
  picture_options.max_spans = max_spans;
  picture_options.stop = options.stop();
  const json compute = run.summary.value("/breakdown_seconds/compute"_json_pointer, json(nullptr));
  if (compute.is_number()) picture_options.compute_seconds = compute.get<double>();
  const auto picture = options.picture(*run.config, picture_options);
  if (!picture.ok()) {
    const bool stopped = absl::IsCancelled(picture.status());
    (*out)["no_timeline"] = stopped ? "its step takes too long to simulate while a report is made"
                                    : std::string(picture.status().message());
    return;
  }
  (*out)["timeline"] = {{"run", run.name},
                        {"ranks", picture->ranks},
                        {"ranks_shown", picture->ranks_shown},
                        {"step_seconds", picture->step_seconds},
                        {"shortest_seconds", picture->shortest_seconds},
                        {"algorithm", picture->algorithm},
                        {"spans", SpansOf(*picture)}};
  json bytes = json::object();
  for (const auto& [name, value] : picture->bytes_by_class) bytes[name] = value;
  (*out)["predicted_bytes_per_step_per_rank"] = bytes;
}

json GroupOf(const std::vector<RunRecord>& runs, const RunGroup& group, size_t max_spans,
             const DocumentOptions& options) {
  json out = {{"label", group.label}, {"runs", group.runs}};
  FillPicture(runs, group, max_spans, options, &out);
  return out;
}

// What a reader must know before comparing.
std::vector<std::string> MixtureWarnings(const std::vector<RunRecord>& runs) {
  std::set<std::string> models;
  for (const RunRecord& run : runs) {
    const auto model = run.summary.find("model");
    const bool known = model != run.summary.end() && model->is_string();
    models.insert(known ? model->get<std::string>() : "unknown");
  }
  if (models.size() < 2) return {};
  return {absl::StrCat("the runs are of different models (", absl::StrJoin(models, ", "),
                       "), whose losses cannot be compared: the page shows one model at a time")};
}

}  // namespace

json ReportDocument(const std::vector<RunRecord>& runs, const DocumentOptions& options) {
  const std::vector<RunGroup> groups = GroupRuns(runs);
  json document = {{"format", "edgetp-report"}, {"version", 1},
                   {"edgetp", kVersion},        {"mean_window_steps", kMeanWindow},
                   {"runs", json::array()},     {"groups", json::array()}};
  std::vector<size_t> group_of(runs.size());
  const size_t max_spans =
      std::clamp<size_t>(kAllSpans / std::max<size_t>(groups.size(), 1), 300, 4000);
  for (size_t i = 0; i < groups.size(); ++i) {
    for (const size_t run : groups[i].runs) group_of[run] = i;
    document["groups"].push_back(GroupOf(runs, groups[i], max_spans, options));
  }
  const size_t points =
      std::clamp<size_t>(options.max_points / std::max<size_t>(runs.size(), 1), 100, 1000);
  std::vector<std::string> warnings = MixtureWarnings(runs);
  for (size_t i = 0; i < runs.size(); ++i) {
    document["runs"].push_back(RunOf(runs[i], group_of[i], points));
    warnings.insert(warnings.end(), runs[i].warnings.begin(), runs[i].warnings.end());
  }
  document["warnings"] = warnings;
  return document;
}

std::string ToText(const json& document) {
  return document.dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

}  // namespace edgetp
