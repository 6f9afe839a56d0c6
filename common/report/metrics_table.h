// Steps of runs as one long table for other programs (`edgetp export --metrics`): a row for each
// step that counts, of any number of runs. docs/formats.md has the columns. Pure.
#pragma once

#include <istream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/byte_source.h"
#include "common/report/run_record.h"

namespace edgetp {

enum class MetricsFormat { kCsv, kJsonl };

// A column, and where its values are: in the run's summary, or in a line of metrics.jsonl.
struct MetricsColumn {
  std::string name;
  std::string pointer;  // into the JSON object
  bool of_run = false;  // else of the step
};
const std::vector<MetricsColumn>& MetricsColumns();

// What precedes the rows: CSV's line of names, nothing of JSON lines.
std::string MetricsHead(MetricsFormat format);

// A row for each step of the run; `lines` is its metrics.jsonl, which has more to say of them. What
// nobody knows is an empty cell of CSV, and absent from a JSON line.
// Errors: those of `sink`.
absl::Status SendMetricsRows(const RunRecord& run, std::istream& lines, MetricsFormat format,
                             const ByteSink& sink);

}  // namespace edgetp
