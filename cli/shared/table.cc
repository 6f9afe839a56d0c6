#include "cli/shared/table.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace edgetp {
namespace {

constexpr int kGap = 2;  // columns between two cells

using Lines = std::vector<std::string>;

int WidthOf(const Lines& lines) {
  int width = 0;
  for (const std::string& line : lines) width = std::max(width, static_cast<int>(line.size()));
  return width;
}

// What is never broken. A name like "none+delay50ms+rate1mbit" may be, before each '+'.
struct Piece {
  std::string text;
  bool glued;  // to the piece before it
};

std::vector<Piece> PiecesOf(const std::string& text) {
  std::vector<Piece> pieces;
  for (const std::string& word : Lines(absl::StrSplit(text, ' '))) {
    if (word == "%" && !pieces.empty()) {  // stays with its number
      absl::StrAppend(&pieces.back().text, " %");
      continue;
    }
    for (size_t begin = 0; begin == 0 || begin < word.size();) {
      const size_t end = std::min(word.find('+', begin + 1), word.size());
      pieces.push_back({word.substr(begin, end - begin), begin > 0});
      begin = std::max<size_t>(end, 1);
    }
  }
  return pieces;
}

int LongestPiece(const std::string& text) {
  int longest = 0;
  for (const Piece& piece : PiecesOf(text))
    longest = std::max(longest, static_cast<int>(piece.text.size()));
  return longest;
}

std::string Padded(const std::string& text, int width, Align align) {
  const std::string space(std::max(0, width - static_cast<int>(text.size())), ' ');
  return align == Align::kLeft ? text + space : space + text;
}

int Total(const std::vector<int>& widths) {
  return std::accumulate(widths.begin(), widths.end(), 0) +
         kGap * (static_cast<int>(widths.size()) - 1);
}

// Appends one table row whose cells may have several lines.
void AppendRow(const std::vector<Lines>& cells, const std::vector<Column>& columns,
               const std::vector<int>& widths, std::string* out) {
  size_t height = 1;
  for (const Lines& cell : cells) height = std::max(height, cell.size());
  for (size_t line = 0; line < height; ++line) {
    std::string text;
    for (size_t i = 0; i < columns.size(); ++i) {
      const std::string piece = line < cells[i].size() ? cells[i][line] : "";
      absl::StrAppend(&text, i == 0 ? "" : std::string(kGap, ' '),
                      Padded(piece, widths[i], columns[i].align));
    }
    absl::StripTrailingAsciiWhitespace(&text);
    absl::StrAppend(out, text, "\n");
  }
}

}  // namespace

std::vector<std::string> WrapWords(const std::string& text, int width) {
  Lines lines;
  for (const auto& [piece, glued] : PiecesOf(text)) {
    const std::string gap = glued ? "" : " ";
    const bool fits = !lines.empty() &&
                      static_cast<int>(lines.back().size() + gap.size() + piece.size()) <= width;
    if (fits) {
      absl::StrAppend(&lines.back(), gap, piece);
    } else {
      lines.push_back(piece);
    }
  }
  return lines;
}

std::string Paragraph(const std::string& text) {
  return absl::StrCat(absl::StrJoin(WrapWords(text, Table::kMaxWidth - 2), "\n  "), "\n");
}

void Table::AddRow(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::Render(int max_width) const {
  std::vector<int> widths, narrowest;
  std::vector<Lines> headers;
  for (size_t i = 0; i < columns_.size(); ++i) {
    headers.push_back(absl::StrSplit(columns_[i].header, '\n'));
    int width = WidthOf(headers.back());
    int word = width;
    for (const auto& row : rows_) {
      width = std::max(width, static_cast<int>(row[i].size()));
      word = std::max(word, LongestPiece(row[i]));
    }
    widths.push_back(width);
    narrowest.push_back(columns_[i].align == Align::kLeft ? word : width);
  }
  while (Total(widths) > max_width) {
    size_t widest = columns_.size();
    for (size_t i = 0; i < columns_.size(); ++i) {
      const bool can_shrink = widths[i] > narrowest[i];
      if (can_shrink && (widest == columns_.size() || widths[i] > widths[widest])) widest = i;
    }
    if (widest == columns_.size()) break;
    --widths[widest];
  }

  std::string out;
  AppendRow(headers, columns_, widths, &out);
  absl::StrAppend(&out, std::string(Total(widths), '-'), "\n");
  for (const auto& row : rows_) {
    std::vector<Lines> cells;
    for (size_t i = 0; i < columns_.size(); ++i) cells.push_back(WrapWords(row[i], widths[i]));
    AppendRow(cells, columns_, widths, &out);
  }
  return out;
}

}  // namespace edgetp
