#include "cli/shared/term_columns.h"

#include <map>

#include "cli/shared/format.h"
#include "common/network/attribution.h"

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

bool IsStaging(const BreakdownTerm& term) { return term.span == &TimeBreakdown::staging; }

}  // namespace

void TermColumns::AddHeaders(std::vector<Column>* columns) const {
  for (const BreakdownTerm& term : kBreakdownTerms) {
    if (staging_ || !IsStaging(term)) columns->push_back({Header(term.name)});
  }
}

void TermColumns::AddCells(const v1::Breakdown& breakdown, double scale,
                           std::vector<std::string>* cells) const {
  for (const BreakdownTerm& term : kBreakdownTerms) {
    if (staging_ || !IsStaging(term))
      cells->push_back(FormatNumber(scale * (breakdown.*term.seconds)()));
  }
}

}  // namespace edgetp
