#include "common/plan/overlap.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace edgetp {
namespace {

constexpr int kMaxRows = 1 << 16;  // of sequences in a batch

}  // namespace

absl::StatusOr<Overlap> Overlap::Parse(const std::string& text) {
  std::string word = absl::AsciiStrToUpper(text);
  absl::StripAsciiWhitespace(&word);
  if (word == "NONE") return Overlap{};
  if (word == "DW") return Overlap{OverlapKind::kWeightGradients};
  absl::string_view groups = word;
  int rows = 0;
  if (!absl::ConsumePrefix(&groups, "ROWS(") || !absl::ConsumeSuffix(&groups, ")") ||
      !absl::SimpleAtoi(groups, &rows)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" is not NONE, DW or ROWS(m), m groups of a micro-batch's rows: ROWS(2)"));
  }
  if (rows < 2 || rows > kMaxRows) {
    return absl::InvalidArgumentError(
        absl::StrCat("ROWS(m): m must be in [2, ", kMaxRows, "] (got ", rows, ")"));
  }
  return Overlap{OverlapKind::kRows, rows};
}

std::string ToString(const Overlap& overlap) {
  switch (overlap.kind) {
    case OverlapKind::kNone:
      return "NONE";
    case OverlapKind::kWeightGradients:
      return "DW";
    case OverlapKind::kRows:
      break;
  }
  return absl::StrCat("ROWS(", overlap.rows, ")");
}

Range RowsOfGroup(int batch, int groups, int group) {
  const int each = batch / groups, longer = batch % groups;  // so many groups have one more
  const int begin = group * each + std::min(group, longer);
  return {begin, begin + each + (group < longer ? 1 : 0)};
}

absl::Status CheckRows(const Overlap& overlap, int batch) {
  if (overlap.rows <= batch) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("ROWS(m): m must be at most the batch of ", batch,
                                                 " sequences, of which each group needs one (got ",
                                                 overlap.rows, ")"));
}

}  // namespace edgetp
