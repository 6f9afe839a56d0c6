// edgetp patterns: the letters that a pattern is made of, and what each costs.
#include <memory>

#include "cli/shared/command.h"
#include "cli/shared/pattern_tables.h"
#include "common/plan/letter_report.h"

namespace edgetp {
namespace {

constexpr char kPatternsExamples[] = R"(Examples:
  edgetp patterns
  edgetp patterns --format=json
  edgetp plan --model=minigpt --pattern='t@0.5*2 s*2' --workers=2)";

}  // namespace

ExitCode PrintPatterns(OutputFormat format) {
  const v1::PatternsReport report = BuildPatternsReport();
  PrintResult(format, report, PatternsTable(report));
  return kExitDone;
}

void AddPatterns(CLI::App& app, Command* command) {
  auto format = std::make_shared<OutputFormat>(OutputFormat::kTable);
  CLI::App* patterns =
      app.add_subcommand("patterns", "The letters of patterns: cost, what they change, source");
  AddFormatFlag(patterns, format.get());
  patterns->footer(kPatternsExamples);
  patterns->callback([format, command] { *command = [format] { return PrintPatterns(*format); }; });
}

}  // namespace edgetp
