#include "common/report/metrics_table.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/base/status_macros.h"
#include "common/network/attribution.h"
#include "common/report/report_document.h"

namespace edgetp {
namespace {

using nlohmann::json;

std::vector<MetricsColumn> MakeColumns() {
  std::vector<MetricsColumn> columns;
  for (const char* name :
       {"run", "model", "pattern", "strategy", "workers", "clock", "device", "seed"})
    columns.push_back({name, absl::StrCat("/", name), /*of_run=*/true});
  for (const char* name :
       {"attempt", "step", "network", "wall_seconds", "host_seconds", "train_loss", "val_loss",
        "learning_rate", "gradient_norm", "skipped", "step_seconds"})
    columns.push_back({name, absl::StrCat("/", name)});
  for (const BreakdownTerm& term : kBreakdownTerms) {
    columns.push_back(
        {absl::StrCat(term.name, "_seconds"), absl::StrCat("/breakdown_seconds/", term.name)});
  }
  columns.push_back({"hidden_seconds", "/hidden_seconds"});
  columns.push_back({"tokens_per_second", "/tokens_per_second"});
  columns.push_back({"mfu", "/mfu"});
  columns.push_back({"joules", "/energy/joules"});
  return columns;
}

// What all rows of the run have in common.
json FactsOf(const RunRecord& run) {
  json facts = run.summary;
  facts["run"] = run.name;
  if (run.config.has_value()) facts["seed"] = run.config->seed();
  return facts;
}

// Null: nobody knows.
json ValueAt(const json& object, const std::string& pointer) {
  const json::json_pointer place(pointer);
  return object.contains(place) ? object.at(place) : json();
}

// RFC 4180. Numbers in full; "NaN" and "Infinity" are the words of metrics.jsonl.
std::string Cell(const json& value) {
  if (value.is_null()) return "";
  if (!value.is_string()) return ToText(value);
  const auto& text = value.get_ref<const std::string&>();
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

// Whether the line is the one that the point was read from.
bool IsOf(const json& line, const StepPoint& point) {
  const auto is = [&line](const char* key, double value) {
    const auto found = line.find(key);
    return found != line.end() && found->is_number() && found->get<double>() == value;
  };
  // A line of an old version says no attempt, and its point has none.
  const bool same_attempt = point.attempt == 0 || is("attempt", point.attempt);
  return line.is_object() && is("step", point.step) && is("wall_seconds", point.wall_seconds) &&
         same_attempt;
}

std::string Row(const json& facts, const json& step, MetricsFormat format) {
  std::vector<std::string> cells;
  for (const MetricsColumn& column : MetricsColumns()) {
    const json value = ValueAt(column.of_run ? facts : step, column.pointer);
    if (format == MetricsFormat::kCsv) {
      cells.push_back(Cell(value));
    } else if (!value.is_null()) {
      cells.push_back(absl::StrCat("\"", column.name, "\":", ToText(value)));
    }
  }
  const std::string row = absl::StrJoin(cells, ",");
  return format == MetricsFormat::kCsv ? row + "\n" : absl::StrCat("{", row, "}\n");
}

}  // namespace

const std::vector<MetricsColumn>& MetricsColumns() {
  static const auto* const columns = new std::vector<MetricsColumn>(MakeColumns());
  return *columns;
}

std::string MetricsHead(MetricsFormat format) {
  if (format != MetricsFormat::kCsv) return "";
  return absl::StrJoin(
             MetricsColumns(), ",",
             [](std::string* out, const MetricsColumn& column) { out->append(column.name); }) +
         "\n";
}

absl::Status SendMetricsRows(const RunRecord& run, std::istream& lines, MetricsFormat format,
                             const ByteSink& sink) {
  const json facts = FactsOf(run);
  // Steps that count are in the file in their order; lines between them are of attempts that were
  // done again, or broken.
  auto point = run.steps.begin();
  for (std::string line; point != run.steps.end() && std::getline(lines, line);) {
    const json step = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!IsOf(step, *point)) continue;
    RETURN_IF_ERROR(sink(Row(facts, step, format)));
    ++point;
  }
  return absl::OkStatus();
}

}  // namespace edgetp
