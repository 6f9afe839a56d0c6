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

// The same of a run that may still be going on: reads what its files have got since the last look.
// Not thread-safe.
class RunReader {
 public:
  // Of what is no whole line yet: the end of a file that is being written, or half a line for good.
  // Where the rest comes, a run without a summary is no unfinished one.
  enum class LastLine { kComes, kIsBroken };

  explicit RunReader(const std::string& directory);

  // True if there was anything new.
  // Errors: those of ReadRun; what was known stays.
  absl::StatusOr<bool> Refresh(LastLine last);
  const RunRecord& run() const { return run_; }
  // Its summary.json is there.
  bool finished() const { return summary_state_.has_value(); }

 private:
  // What tells one state of a file from another.
  struct FileState {
    uint64_t bytes = 0;
    int64_t time = 0;
    bool operator==(const FileState&) const = default;
  };
  // Whether the file has changed since `seen`, which is brought up to date.
  static bool Changed(const std::string& path, std::optional<FileState>* seen);
  // Whether there was anything new.
  absl::StatusOr<bool> ReadMetrics(LastLine last);
  absl::StatusOr<bool> ReadSummary();
  bool ReadConfig(bool first);
  void Assemble(LastLine last);

  const std::string directory_;
  std::optional<FileState> metrics_state_, summary_state_, config_state_;
  MetricsParser metrics_;
  uint64_t metrics_bytes_ = 0;             // that the parser has
  std::optional<nlohmann::json> summary_;  // of its file, as far as that can be read
  std::string summary_fault_;
  std::string config_fault_;
  std::optional<LastLine> looked_for_;  // absent: nobody has looked yet
  RunRecord run_;
};

}  // namespace edgetp
