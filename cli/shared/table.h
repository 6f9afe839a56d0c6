// Aligned plain-text tables of at most 100 columns, for terminals and logs alike. Pure.
#pragma once

#include <string>
#include <vector>

namespace edgetp {

enum class Align { kLeft, kRight };

struct Column {
  std::string header;  // with its unit; '\n' splits it over lines
  Align align = Align::kRight;
};

class Table {
 public:
  static constexpr int kMaxWidth = 100;

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // Cells beyond the last column are a programmer error; missing ones are empty.
  void AddRow(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }

  // Headers, a rule, rows. Where the table is wider than `max_width`, left-aligned cells are
  // wrapped between words and before a '+', the widest column first; nothing else is ever cut.
  std::string Render(int max_width = kMaxWidth) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// `text` in lines of at most `width` columns, broken between words and before a '+'.
std::vector<std::string> WrapWords(const std::string& text, int width);

// `text` below a table: lines that fit its widest, all but the first indented.
std::string Paragraph(const std::string& text);

}  // namespace edgetp
