// edgetp report: runs as a page with charts and tables, in one file.
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/command.h"
#include "cli/shared/report_file.h"

namespace edgetp {
namespace {

constexpr char kExamples[] = R"(Examples:
  edgetp report tttt sppp
  edgetp report runs --out=all.html
  edgetp report tttt sppp --out=data.json
The page needs no network: send it, open it from disk, print it. A .json file has the same data for other
programs (docs/formats.md).)";

struct Flags {
  std::vector<std::string> runs;
  std::string out = "report.html";
  std::string runs_directory = "runs";
  OutputFormat format = OutputFormat::kTable;
};

std::string Sentence(const WrittenReport& written, const std::string& out) {
  return absl::StrFormat("%s: %d %s, %.1f MB\n", out, written.runs,
                         written.runs == 1 ? "run" : "runs", written.bytes / 1e6);
}

ExitCode Run(const Flags& flags) {
  if (const absl::Status fine = CheckReportFile(flags.out); !fine.ok()) return Report(fine);
  const auto directories = FindRuns(flags.runs, flags.runs_directory);
  if (!directories.ok()) return Report(directories.status());
  const auto written = WriteReport(*directories, flags.out);
  if (!written.ok()) return Report(written.status());
  for (const std::string& warning : written->warnings) absl::FPrintF(stderr, "note: %s\n", warning);
  const nlohmann::json result = {{"out", flags.out},
                                 {"runs", written->runs},
                                 {"bytes", written->bytes},
                                 {"warnings", written->warnings}};
  const bool table = flags.format == OutputFormat::kTable;
  Print(table ? Sentence(*written, flags.out)
              : result.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
  return kExitDone;
}

}  // namespace

void AddReport(CLI::App& app, Command* command) {
  auto flags = std::make_shared<Flags>();
  CLI::App* sub = app.add_subcommand("report", "Show runs as one page with charts and tables");
  sub->add_option("RUN", flags->runs,
                  "names of runs, their directories, or folders that stand for all runs in them")
      ->required();
  sub->add_option("--out", flags->out, "the page (.html), or its data alone (.json)")
      ->capture_default_str();
  sub->add_option("--runs", flags->runs_directory, "the folder that names are looked up in")
      ->capture_default_str();
  AddFormatFlag(sub, &flags->format);
  sub->footer(kExamples);
  sub->callback([flags, command] { *command = [flags] { return Run(*flags); }; });
}

}  // namespace edgetp
