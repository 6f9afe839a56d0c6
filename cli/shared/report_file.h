// From runs that somebody named to the file of a report: what `report` and `sweep --report` share.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/report/run_record.h"

namespace edgetp {

// What a report is made of.
struct ReportData {
  nlohmann::json document;  // ReportDocument
  size_t runs = 0;
  std::vector<std::string> warnings;  // what the page says, too
};

// What `edgetp report` tells of the file that it wrote.
struct WrittenReport {
  size_t runs = 0;
  size_t bytes = 0;
  std::vector<std::string> warnings;
};

// The directories that the words stand for: a run's directory, the name of a run in
// `runs_directory`, or a folder with runs, which stands for all of them. Each once, in the order of the words.
// Errors: NotFound with all words that are neither, and names that are near.
absl::StatusOr<std::vector<std::string>> FindRuns(const std::vector<std::string>& words,
                                                  const std::string& runs_directory);

// Whether nothing is lost if `file` is written: it is not there, or begins with `start`, as what
// edgetp itself writes. `what`: for the message, "report file".
// Errors: InvalidArgument if another kind of file is there.
absl::Status CheckOurs(const std::string& what, const std::string& file, const std::string& start);

// Whether a report may be written there, before anything is read.
// Errors: InvalidArgument unless it ends in .html or .json, or if another kind of file is there.
absl::Status CheckReportFile(const std::string& file);

// Errors: those of ReadRun; InvalidArgument if no run has a step; Cancelled at a signal.
absl::StatusOr<ReportData> ReadReport(const std::vector<std::string>& directories);

// Writes the page (.html), or its data alone (.json).
// Errors: those of CheckReportFile and WriteWholeFile.
absl::StatusOr<WrittenReport> SaveReport(const ReportData& report, const std::string& file);

// Both.
absl::StatusOr<WrittenReport> WriteReport(const std::vector<std::string>& directories,
                                          const std::string& file);

// Those of them that are here: a running cluster's may be on its server's host.
std::vector<std::string> RunsOfThisHost(const std::vector<std::string>& directories);

// Says on stderr which command makes the report of such runs; nothing if none is on this host.
void ShowReportCommand(const std::vector<std::string>& directories);

}  // namespace edgetp
