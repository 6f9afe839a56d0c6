// `edgetp export --metrics`: the steps of runs as CSV or JSON lines, in a file or on stdout.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/report/metrics_table.h"

namespace edgetp {

struct MetricsExport {
  std::vector<std::string> runs;        // words, as `edgetp report` takes them
  std::string runs_directory = "runs";  // that names are looked up in
  MetricsFormat format = MetricsFormat::kCsv;
  std::optional<std::string> out;  // absent: stdout
};

// Notes go to stderr.
// Errors: those of FindRuns, ReadRun and WriteFileStream; InvalidArgument if no run has a step, or
// if another kind of file is there; Cancelled at a signal.
absl::Status ExportMetrics(const MetricsExport& wanted);

}  // namespace edgetp
