// The columns of a table that break steps down: one for each term. Staging and transit have one only
// where a row has any: without an accelerator, or within a host, there is none. So has the time of
// exchanges under compute, which is in no term: it comes after the sum. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "cli/shared/table.h"
#include "common/network/attribution.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

class TermColumns {
 public:
  TermColumns(bool staging, bool transit, bool hidden)
      : staging_(staging), transit_(transit), hidden_(hidden) {}

  // What `rows`, messages with breakdown_seconds and hidden_seconds, need.
  template <typename Rows>
  static TermColumns For(const Rows& rows) {
    const auto any = [&rows](auto has) { return std::any_of(rows.begin(), rows.end(), has); };
    return {any([](const auto& row) { return row.breakdown_seconds().staging() > 0; }),
            any([](const auto& row) { return row.breakdown_seconds().transit() > 0; }),
            any([](const auto& row) { return row.hidden_seconds() > 0; })};
  }

  // `sum`: the header of what the terms add up to.
  void AddHeaders(const std::string& sum, std::vector<Column>* columns) const;
  // Of a row, times `scale`; `sum` and what is hidden in seconds.
  void AddCells(const v1::Breakdown& breakdown, double sum, double hidden, double scale,
                std::vector<std::string>* cells) const;

 private:
  bool Shows(const BreakdownTerm& term) const;

  const bool staging_;
  const bool transit_;
  const bool hidden_;
};

// "; 14.2 ms of exchanges ran under compute", or nothing where none did.
std::string HiddenText(double hidden_seconds);

}  // namespace edgetp
