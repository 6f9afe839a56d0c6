// Small drawings out of characters: lines that fall, and bars. Pure.
#pragma once

#include <string>
#include <vector>

namespace edgetp {

// `rows` lines of at most `columns` characters: the values from left to right, each column the mean
// of those that it stands for, the highest and the lowest one filling the height. Without
// `unicode` in ASCII.
std::vector<std::string> Sparkline(const std::vector<double>& values, int columns, int rows,
                                   bool unicode);

// A bar of `columns` characters of which `share` (0 to 1) is filled; trailing blanks included.
std::string Bar(double share, int columns, bool unicode);

}  // namespace edgetp
