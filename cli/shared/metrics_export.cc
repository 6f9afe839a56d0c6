#include "cli/shared/metrics_export.h"

#include <cstdio>
#include <fstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/output.h"
#include "cli/shared/report_file.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/rpc/signals.h"

namespace edgetp {
namespace {

// What files of ours begin with: others are not overwritten.
std::string StartOf(MetricsFormat format) {
  return format == MetricsFormat::kCsv ? MetricsHead(format) : "{\"run\":";
}

// A run of the export: where it is, and what is known of it.
struct Source {
  std::string directory;
  RunRecord record;
};

// Those that have steps. A missing or broken run ends it before anything is written.
absl::StatusOr<std::vector<Source>> ReadSources(const std::vector<std::string>& directories) {
  std::vector<Source> sources;
  for (const std::string& directory : directories) {
    if (ShutdownSignal() != 0) return absl::CancelledError("interrupted");
    ASSIGN_OR_RETURN(RunRecord run, ReadRun(directory));
    if (run.steps.empty()) run.warnings = {absl::StrCat(run.name, ": left out: it has no steps")};
    for (const std::string& warning : run.warnings) absl::FPrintF(stderr, "note: %s\n", warning);
    if (!run.steps.empty()) sources.push_back({directory, std::move(run)});
  }
  if (!sources.empty()) return sources;
  return absl::InvalidArgumentError("export: none of the runs has a step");
}

absl::Status SendAll(const std::vector<Source>& sources, MetricsFormat format,
                     const ByteSink& sink) {
  RETURN_IF_ERROR(sink(MetricsHead(format)));
  for (const Source& source : sources) {
    std::ifstream lines(source.directory + "/metrics.jsonl", std::ios::binary);
    RETURN_IF_ERROR(SendMetricsRows(source.record, lines, format, sink));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ExportMetrics(const MetricsExport& wanted) {
  if (wanted.out.has_value())
    RETURN_IF_ERROR(CheckOurs("export", *wanted.out, StartOf(wanted.format)));
  ASSIGN_OR_RETURN(const std::vector<std::string> directories,
                   FindRuns(wanted.runs, wanted.runs_directory));
  ASSIGN_OR_RETURN(const std::vector<Source> sources, ReadSources(directories));
  if (!wanted.out.has_value()) {
    return SendAll(sources, wanted.format, [](absl::string_view bytes) {
      if (ShutdownSignal() != 0) return absl::CancelledError("interrupted");
      Print(std::string(bytes));
      return absl::OkStatus();
    });
  }
  size_t rows = 0;
  for (const Source& source : sources) rows += source.record.steps.size();
  const auto send = [&](const ByteSink& sink) { return SendAll(sources, wanted.format, sink); };
  RETURN_IF_ERROR(WriteFileStream(*wanted.out, {.send = send}));
  absl::PrintF("%s: %d %s, %d rows\n", *wanted.out, sources.size(),
               sources.size() == 1 ? "run" : "runs", rows);
  return absl::OkStatus();
}

}  // namespace edgetp
