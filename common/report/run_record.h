// One run directory as a report sees it: what summary.json says, what config and metrics add, and
// its steps. Runs of older versions, unfinished and failed ones are records, too: what nobody knows
// is absent.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/report/metrics_file.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

struct RunRecord {
  std::string name;
  // Keys of summary.json (report.proto, RunSummary). Of a run without one, those that its config and
  // its metrics tell, and "status": "unfinished".
  nlohmann::json summary;
  std::optional<v1::RunConfig> config;  // absent: this version cannot read it
  std::vector<StepPoint> steps;         // of a run that has trained; rising
  std::vector<std::string> warnings;    // one sentence each, with file and line where there is one
};

// Whether `directory` holds a run: it has a config.textproto or a summary.json.
bool IsRunDirectory(const std::string& directory);

// Errors: NotFound if `directory` is no run directory; those of ReadWholeFile. What is wrong within
// a file is a warning of the record.
absl::StatusOr<RunRecord> ReadRun(const std::string& directory);

}  // namespace edgetp
