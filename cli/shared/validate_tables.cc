#include "cli/shared/validate_tables.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/shared/format.h"
#include "cli/shared/table.h"

namespace edgetp {
namespace {

std::string Value(double value, const std::string& unit) {
  if (unit == "s")
    return value < 1 ? absl::StrFormat("%.4g ms", 1e3 * value) : absl::StrFormat("%.4g s", value);
  if (unit == "share") return FormatPercent(value);
  if (unit == "KiB") return absl::StrFormat("%.0f KiB", value);
  return absl::StrCat(FormatNumber(value), " ", unit);
}

std::string ErrorText(const v1::ValidateRow& row) {
  if (row.use() == "input") return "input";
  const std::string error = absl::StrFormat("%+.1f %%", 100 * row.error_share());
  return row.use() == "aside" ? absl::StrCat("(", error, ")") : error;
}

// "mean 1.2 %, worst 3.4 % of 24 rows".
template <typename Report>
std::string Summary(const Report& report) {
  if (report.predicted_rows() == 0) return "no row counts";
  return absl::StrFormat("mean %.1f %%, worst %.1f %% of %d rows", 100 * report.mean_error(),
                         100 * report.worst_error(), report.predicted_rows());
}

std::string Wrapped(const std::string& text) {
  return absl::StrCat(absl::StrJoin(WrapWords(text, Table::kMaxWidth), "\n"), "\n");
}

// The reasons of rows that do not count, each once.
std::string Reasons(const v1::ValidateSet& set) {
  std::vector<std::string> reasons;
  for (const v1::ValidateRow& row : set.rows()) {
    const std::string reason = absl::StrCat("(not counted: ", row.why(), ")");
    if (row.use() == "aside" && (reasons.empty() || reasons.back() != reason))
      reasons.push_back(reason);
  }
  std::string text;
  for (const std::string& reason : reasons) absl::StrAppend(&text, Wrapped(reason));
  return text;
}

std::string SetTable(const v1::ValidateSet& set) {
  Table table(
      {{"", Align::kLeft}, {"network", Align::kLeft}, {"measured"}, {"predicted"}, {"error"}});
  for (const v1::ValidateRow& row : set.rows()) {
    table.AddRow({row.label(), row.network(), Value(row.measured(), row.unit()),
                  Value(row.predicted(), row.unit()), ErrorText(row)});
  }
  std::string text = Wrapped(absl::StrCat(set.name(), ": ", Summary(set)));
  if (!set.note().empty()) absl::StrAppend(&text, Wrapped(set.note()));
  return absl::StrCat(text, Reasons(set), "\n", table.Render());
}

std::string SourceTable(const v1::ValidateReport& report) {
  Table table({{"source", Align::kLeft}, {"rows"}, {"mean error"}, {"worst error"}});
  for (const v1::ValidateSource& source : report.sources()) {
    table.AddRow({source.name(), absl::StrCat(source.predicted_rows()),
                  FormatPercent(source.mean_error()), FormatPercent(source.worst_error())});
  }
  return table.Render();
}

}  // namespace

std::string ValidateTables(const v1::ValidateReport& report) {
  std::string text;
  for (const v1::ValidateSource& source : report.sources()) {
    absl::StrAppend(&text, Wrapped(absl::StrCat(source.name(), ": ", source.title())),
                    Wrapped(source.source()));
    for (const v1::ValidateSet& set : source.sets()) absl::StrAppend(&text, "\n", SetTable(set));
    absl::StrAppend(&text, "\n");
  }
  return absl::StrCat(text, SourceTable(report));
}

std::string SourceList(const v1::ValidateReport& report) {
  Table table({{"source", Align::kLeft}, {"what", Align::kLeft}, {"from", Align::kLeft}});
  for (const v1::ValidateSource& source : report.sources())
    table.AddRow({source.name(), source.title(), source.source()});
  return table.Render();
}

}  // namespace edgetp
