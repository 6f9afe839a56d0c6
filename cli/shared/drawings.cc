#include "cli/shared/drawings.h"

#include <algorithm>
#include <cmath>

namespace edgetp {
namespace {

// What fills so many eighths of a cell, from below and from the left.
constexpr const char* kFromBelow[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr const char* kFromLeft[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
constexpr int kParts = 8;
// In ASCII a cell is empty, half full or full.
constexpr const char* kAsciiFromBelow[] = {" ", ".", ".", ".", ":", ":", ":", "|", "|"};

// Means of as many spans of equal length as there are columns, or the values where there are fewer.
std::vector<double> Squeeze(const std::vector<double>& values, int columns) {
  const size_t count = std::min(values.size(), static_cast<size_t>(std::max(columns, 0)));
  std::vector<double> means(count);
  for (size_t i = 0; i < count; ++i) {
    const size_t begin = i * values.size() / count, end = (i + 1) * values.size() / count;
    double sum = 0;
    for (size_t at = begin; at < end; ++at) sum += values[at];
    means[i] = sum / static_cast<double>(end - begin);
  }
  return means;
}

}  // namespace

std::vector<std::string> Sparkline(const std::vector<double>& values, int columns, int rows,
                                   bool unicode) {
  const std::vector<double> means = Squeeze(values, columns);
  std::vector<std::string> lines(static_cast<size_t>(rows));
  if (means.empty()) return lines;
  const auto [low, high] = std::minmax_element(means.begin(), means.end());
  const double span = *high - *low;
  for (const double mean : means) {
    // The lowest value is a mark, not nothing.
    const double share = span > 0 ? (mean - *low) / span : 0.5;
    const int parts = 1 + static_cast<int>(std::lround(share * (kParts * rows - 1)));
    for (int row = 0; row < rows; ++row) {
      const int filled = std::clamp(parts - kParts * (rows - 1 - row), 0, kParts);
      lines[static_cast<size_t>(row)] += (unicode ? kFromBelow : kAsciiFromBelow)[filled];
    }
  }
  return lines;
}

std::string Bar(double share, int columns, bool unicode) {
  const double whole = std::clamp(share, 0.0, 1.0) * columns;
  std::string bar;
  for (int i = 0; i < columns; ++i) {
    const double here = std::clamp(whole - i, 0.0, 1.0);
    bar += unicode ? kFromLeft[std::lround(here * kParts)] : here >= 0.5 ? "#" : " ";
  }
  return bar;
}

}  // namespace edgetp
