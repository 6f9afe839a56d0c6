#include "cli/shared/report_file.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/shared/command.h"
#include "cli/shared/run_options.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/base/suggest.h"
#include "common/report/report_document.h"
#include "common/report/report_page.h"
#include "common/rpc/signals.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

// A step that takes longer to simulate is not drawn: a report is made while somebody waits.
constexpr absl::Duration kTimelineBudget = absl::Seconds(5);
// With more, a list of names is no help.
constexpr size_t kListedNames = 12;
// What files of ours begin with: others are not overwritten.
constexpr char kHtmlStart[] = "<!doctype html>\n<!-- edgetp report";
constexpr char kJsonStart[] = "{\"edgetp\":";

// Directories of runs in `folder`, sorted.
std::vector<std::string> RunsIn(const std::string& folder) {
  std::vector<std::string> runs;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (IsRunDirectory(entry->path().string())) runs.push_back(entry->path().string());
  }
  std::sort(runs.begin(), runs.end());
  return runs;
}

std::string NearNames(const std::string& word, const std::string& runs_directory) {
  std::vector<std::string> names;
  for (const std::string& run : RunsIn(runs_directory))
    names.push_back(fs::path(run).filename().string());
  if (names.empty()) return absl::StrCat("; there are no runs in ", runs_directory);
  if (names.size() <= kListedNames) return KnownNames(word, names);
  const std::string closest = ClosestName(word, names);
  return closest.empty() ? absl::StrCat("; ", runs_directory, " has ", names.size(), " others")
                         : absl::StrCat("; did you mean \"", closest, "\"?");
}

absl::StatusOr<std::vector<std::string>> FindRun(const std::string& word,
                                                 const std::string& runs_directory) {
  if (IsRunDirectory(word)) return std::vector<std::string>{word};
  const std::string named = (fs::path(runs_directory) / word).string();
  if (IsRunDirectory(named)) return std::vector<std::string>{named};
  if (std::vector<std::string> all = RunsIn(word); !all.empty()) return all;
  return absl::NotFoundError(absl::StrCat("run \"", word, "\": it is no run of ", runs_directory,
                                          ", no run's directory, and no folder with runs",
                                          NearNames(word, runs_directory)));
}

bool IsData(const std::string& file) { return absl::EndsWith(file, ".json"); }

// A run without a step: it has made none, or its metrics cannot be read.
std::string WhyLeftOut(const RunRecord& run) {
  std::string why = absl::StrCat(run.name, ": left out: it has no training steps");
  const auto broken = std::find_if(
      run.warnings.begin(), run.warnings.end(),
      [](const std::string& warning) { return absl::StrContains(warning, "metrics.jsonl:"); });
  if (broken != run.warnings.end()) absl::StrAppend(&why, " (", *broken, ")");
  return why;
}

// A fresh budget for each step that is simulated.
std::function<bool()> StopAfterBudget() {
  const absl::Time begin = MonotonicNow();
  return [begin] { return ShutdownSignal() != 0 || MonotonicNow() - begin > kTimelineBudget; };
}

}  // namespace

absl::StatusOr<std::vector<std::string>> FindRuns(const std::vector<std::string>& words,
                                                  const std::string& runs_directory) {
  std::vector<std::string> found;
  std::set<std::string> seen;
  Faults faults;
  for (const std::string& word : words) {
    for (std::string& run : faults.Take(FindRun(word, runs_directory))) {
      std::error_code ignored;
      const std::string place = fs::weakly_canonical(run, ignored).string();
      if (seen.insert(place).second) found.push_back(std::move(run));
    }
  }
  RETURN_IF_ERROR(faults.status());
  return found;
}

absl::Status CheckOurs(const std::string& what, const std::string& file, const std::string& start) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string found, ReadFileStart(file, start.size()));
  if (found == start) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(what, ": ", file, " is there and is no ", what,
                                                 " of edgetp; it is not overwritten"));
}

absl::Status CheckReportFile(const std::string& file) {
  if (!absl::EndsWith(file, ".html") && !IsData(file)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "report file: must end in .html, the page, or .json, its data alone (got ", file, ")"));
  }
  return CheckOurs("report file", file, IsData(file) ? kJsonStart : kHtmlStart);
}

absl::StatusOr<ReportData> ReadReport(const std::vector<std::string>& directories) {
  std::vector<RunRecord> runs;
  std::vector<std::string> left_out;
  for (const std::string& directory : directories) {
    if (ShutdownSignal() != 0) return absl::CancelledError("interrupted");
    ASSIGN_OR_RETURN(RunRecord run, ReadRun(directory));
    if (run.steps.empty()) {
      left_out.push_back(WhyLeftOut(run));
    } else {
      runs.push_back(std::move(run));
    }
  }
  if (runs.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("report: nothing to show: ", absl::StrJoin(left_out, "; ")));
  }
  nlohmann::json document = ReportDocument(runs, {.stop = &StopAfterBudget});
  for (const std::string& warning : left_out) document["warnings"].push_back(warning);
  std::vector<std::string> warnings = document["warnings"];
  return ReportData{std::move(document), runs.size(), std::move(warnings)};
}

absl::StatusOr<WrittenReport> SaveReport(const ReportData& report, const std::string& file) {
  RETURN_IF_ERROR(CheckReportFile(file));
  const std::string text =
      IsData(file) ? ToText(report.document) + "\n" : ReportPage(report.document);
  RETURN_IF_ERROR(WriteWholeFile(file, text));
  return WrittenReport{report.runs, text.size(), report.warnings};
}

absl::StatusOr<WrittenReport> WriteReport(const std::vector<std::string>& directories,
                                          const std::string& file) {
  RETURN_IF_ERROR(CheckReportFile(file));
  ASSIGN_OR_RETURN(const ReportData report, ReadReport(directories));
  return SaveReport(report, file);
}

std::vector<std::string> RunsOfThisHost(const std::vector<std::string>& directories) {
  std::vector<std::string> runs;
  std::copy_if(directories.begin(), directories.end(), std::back_inserter(runs),
               [](const std::string& run) { return !run.empty() && IsRunDirectory(run); });
  return runs;
}

void ShowReportCommand(const std::vector<std::string>& directories) {
  std::string words;
  for (const std::string& run : RunsOfThisHost(directories))
    absl::StrAppend(&words, " ", ShellWord(run));
  if (!words.empty()) absl::FPrintF(stderr, "charts: edgetp report%s\n", words);
}

}  // namespace edgetp
