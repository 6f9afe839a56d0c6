#include "cli/commands/simulate_boards.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/shared/command.h"
#include "cli/shared/format.h"
#include "cli/shared/table.h"
#include "common/base/status_macros.h"
#include "common/config/load.h"
#include "common/config/validate.h"
#include "common/simulate/board_report.h"

namespace edgetp {
namespace {

std::string Milliseconds(double seconds) { return absl::StrFormat("%.1f", 1e3 * seconds); }

// "x 1.33" beside the published "x 1.19".
std::string Ratio(bool known, double ratio) {
  return known ? absl::StrFormat("x %.2f", ratio) : "-";
}

std::string ErrorText(const v1::BoardRowReport& row) {
  if (row.use() != "predict") return "fitted";
  return absl::StrFormat("%+.0f %%", 100 * row.error_share());
}

std::string SetTable(const v1::BoardSetReport& set) {
  Table table({{"model", Align::kLeft},
               {"boards"},
               {"ms/token\npublished"},
               {"\npredicted"},
               {"\nerror"},
               {"compute\npublished"},
               {"\npredicted"},
               {"to fewer\npubl."},
               {"\npred."}});
  for (const v1::BoardRowReport& row : set.rows()) {
    table.AddRow({row.model(), absl::StrCat(row.boards()),
                  Milliseconds(row.published_token_seconds()), Milliseconds(row.token_seconds()),
                  ErrorText(row), Milliseconds(row.published_compute_seconds()),
                  Milliseconds(row.compute_seconds()),
                  Ratio(row.has_published_ratio(), row.published_ratio()),
                  Ratio(row.has_ratio(), row.ratio())});
  }
  return absl::StrCat(set.name(), "\nfitted: ", FormatNumber(set.memory_bytes_per_second() * 1e-9),
                      " GB/s of weights on one board, ",
                      FormatSeconds(1e-6 * set.message_overhead_us()),
                      " of software per message at each end on two\n\n", table.Render());
}

absl::StatusOr<v1::BoardReport> Predict(const std::string& name, const std::string& config_path) {
  ASSIGN_OR_RETURN(const v1::BoardScenario scenario,
                   ConfigLibrary::Default(config_path).Scenario(name));
  RETURN_IF_ERROR(ValidateScenario(scenario, name));
  return PredictBoards(scenario);
}

}  // namespace

std::string BoardTable(const v1::BoardReport& report) {
  std::string text =
      absl::StrCat(report.scenario(), " over ", report.network(), ": published beside simulated\n");
  for (const v1::BoardSetReport& set : report.sets()) absl::StrAppend(&text, "\n", SetTable(set));
  return text;
}

ExitCode SimulateBoards(const std::string& name, const std::string& config_path,
                        OutputFormat format) {
  const auto report = Predict(name, config_path);
  if (!report.ok()) return Report(report.status());
  PrintResult(format, *report, BoardTable(*report));
  return kExitDone;
}

}  // namespace edgetp
