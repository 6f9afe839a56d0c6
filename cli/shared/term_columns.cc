#include "cli/shared/term_columns.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "cli/shared/format.h"

namespace edgetp {
namespace {

// Where words break, so that all terms fit beside one another.
std::string Header(const std::string& term) {
  static const auto& kHeaders =
      *new std::map<std::string, std::string>{{"compute", "com-\npute"},
                                              {"staging", "stag-\ning"},
                                              {"software", "soft-\nware"},
                                              {"queueing", "queue-\ning"},
                                              {"serialization", "serial-\nization"},
                                              {"propagation", "propa-\ngation"},
                                              {"straggler", "strag-\ngler"}};
  const auto found = kHeaders.find(term);
  return found == kHeaders.end() ? term : found->second;
}

}  // namespace

bool TermColumns::Shows(const BreakdownTerm& term) const {
  if (term.span == &TimeBreakdown::staging) return staging_;
  if (term.span == &TimeBreakdown::transit) return transit_;
  return true;
}

void TermColumns::AddHeaders(const std::string& sum, std::vector<Column>* columns) const {
  for (const BreakdownTerm& term : kBreakdownTerms) {
    if (Shows(term)) columns->push_back({Header(term.name)});
  }
  columns->push_back({sum});
  if (hidden_) columns->push_back({"hid-\nden"});
}

void TermColumns::AddCells(const v1::Breakdown& breakdown, double sum, double hidden, double scale,
                           std::vector<std::string>* cells) const {
  for (const BreakdownTerm& term : kBreakdownTerms) {
    if (Shows(term)) cells->push_back(FormatNumber(scale * (breakdown.*term.seconds)()));
  }
  cells->push_back(FormatNumber(scale * sum));
  if (hidden_) cells->push_back(FormatNumber(scale * hidden));
}

std::string HiddenText(double hidden_seconds) {
  if (hidden_seconds <= 0) return "";
  return absl::StrCat("; ", FormatSeconds(hidden_seconds), " of exchanges ran under compute");
}

}  // namespace edgetp
