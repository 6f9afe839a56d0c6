// edgetp report: runs as a page with charts and tables, in one file, or one of its charts as a picture.
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/browser.h"
#include "cli/shared/command.h"
#include "cli/shared/report_file.h"
#include "cli/shared/report_picture.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

constexpr char kReportExamples[] = R"(Examples:
  edgetp report tttt sppp
  edgetp report runs --out=all.html
  edgetp report tttt sppp --out=data.json
  edgetp report tttt sppp --chart=step-time --png=step-time.png --svg=step-time.svg
The page needs no network: send it, open it from disk, print it. A .json file has the same data for other
programs (docs/formats.md). A chart as a picture needs a Chromium or Chrome on $PATH, or in $CHROME.)";

constexpr char kDefaultPage[] = "report.html";

struct ReportFlags {
  std::vector<std::string> runs;
  std::optional<std::string> out;
  std::string runs_directory = "runs";
  PictureFlags picture;
  OutputFormat format = OutputFormat::kTable;

  bool pictures() const { return picture.svg.has_value() || picture.png.has_value(); }
  // The page; absent: pictures alone are wanted.
  std::optional<std::string> page() const {
    return out.has_value() || pictures() ? out : std::optional<std::string>(kDefaultPage);
  }
};

// Before anything is read: what is typed wrong, and a browser that is missing.
absl::Status Check(const ReportFlags& flags) {
  if (!flags.picture.chart.empty() && !flags.pictures())
    return absl::InvalidArgumentError("report: --chart needs --png=FILE or --svg=FILE");
  if (const auto page = flags.page()) RETURN_IF_ERROR(CheckReportFile(*page));
  RETURN_IF_ERROR(CheckPictures(flags.picture));
  return flags.pictures() ? Browser::Find().status() : absl::OkStatus();
}

// What was written, for people and for programs.
struct Result {
  std::string sentences;
  nlohmann::json json;
};

absl::StatusOr<Result> Write(const ReportFlags& flags, const ReportData& report) {
  Result result = {"", {{"runs", report.runs}, {"warnings", report.warnings}}};
  if (const auto page = flags.page()) {
    ASSIGN_OR_RETURN(const WrittenReport written, SaveReport(report, *page));
    result.json["out"] = *page;
    result.json["bytes"] = written.bytes;
    absl::StrAppendFormat(&result.sentences, "%s: %d %s, %.1f MB\n", *page, written.runs,
                          written.runs == 1 ? "run" : "runs", written.bytes / 1e6);
  }
  if (!flags.pictures()) return result;
  RETURN_IF_ERROR(WritePictures(report.document, flags.picture));
  for (const auto& [key, file] :
       {std::pair("svg", flags.picture.svg), {"png", flags.picture.png}}) {
    if (!file.has_value()) continue;
    result.json[key] = *file;
    absl::StrAppend(&result.sentences, *file, ": ", flags.picture.chart, "\n");
  }
  return result;
}

absl::Status WriteAll(const ReportFlags& flags) {
  RETURN_IF_ERROR(Check(flags));
  ASSIGN_OR_RETURN(const std::vector<std::string> directories,
                   FindRuns(flags.runs, flags.runs_directory));
  ASSIGN_OR_RETURN(const ReportData report, ReadReport(directories));
  ASSIGN_OR_RETURN(const Result result, Write(flags, report));
  for (const std::string& warning : report.warnings) absl::FPrintF(stderr, "note: %s\n", warning);
  const bool table = flags.format == OutputFormat::kTable;
  Print(table ? result.sentences
              : result.json.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  return absl::OkStatus();
}

ExitCode Run(const ReportFlags& flags) {
  const absl::Status status = WriteAll(flags);
  return status.ok() ? kExitDone : Report(status);
}

}  // namespace

void AddReport(CLI::App& app, Command* command) {
  auto flags = std::make_shared<ReportFlags>();
  CLI::App* sub = app.add_subcommand("report", "Show runs as one page with charts and tables");
  sub->add_option("RUN", flags->runs,
                  "names of runs, their directories, or folders that stand for all runs in them")
      ->required();
  sub->add_option("--out", flags->out,
                  "the page (.html), or its data alone (.json); default: report.html, or nothing "
                  "beside --png and --svg");
  sub->add_option("--runs", flags->runs_directory, "the folder that names are looked up in")
      ->capture_default_str();
  CLI::Option* chart = sub->add_option("--chart", flags->picture.chart, "which chart to draw")
                           ->check(OneOf(ChartNames()));
  sub->add_option("--svg", flags->picture.svg, "the chart as a file of its own (.svg)")
      ->needs(chart);
  sub->add_option("--png", flags->picture.png, "the same as pixels, two to each of --width (.png)")
      ->needs(chart);
  sub->add_option("--width", flags->picture.width, "of the chart, in pixels of a page")
      ->check(CLI::Range(320, 4000))
      ->capture_default_str();
  sub->add_flag("--dark", flags->picture.dark, "draw the chart in colours for a dark page");
  AddFormatFlag(sub, &flags->format);
  sub->footer(kReportExamples);
  sub->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
