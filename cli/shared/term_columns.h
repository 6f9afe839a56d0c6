// The columns of a table that break steps down: one for each term. Staging has one only where a row
// has any: without an accelerator there is none. Pure.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "cli/shared/table.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

class TermColumns {
 public:
  explicit TermColumns(bool staging) : staging_(staging) {}

  // What `rows`, messages with breakdown_seconds, need.
  template <typename Rows>
  static TermColumns For(const Rows& rows) {
    return TermColumns(std::any_of(rows.begin(), rows.end(), [](const auto& row) {
      return row.breakdown_seconds().staging() > 0;
    }));
  }

  void AddHeaders(std::vector<Column>* columns) const;
  // The terms times `scale`.
  void AddCells(const v1::Breakdown& breakdown, double scale,
                std::vector<std::string>* cells) const;

 private:
  const bool staging_;
};

}  // namespace edgetp
