// Numbers for tables and progress lines; what carries a unit is in common/config/units.h. Pure.
#pragma once

#include <string>

namespace edgetp {

// Three significant digits without a unit, for columns that carry theirs in the header: "0.0853",
// "98.2", "1240".
std::string FormatNumber(double value);

// Seconds as a number of milliseconds: FormatNumber of them.
std::string FormatMilliseconds(double seconds);

// "12.3 ms", "3m05s". Units: seconds.
std::string FormatSeconds(double seconds);

// "41.2 %", "-3.0 %".
std::string FormatPercent(double share);

// "tttt", or, where something overlaps, "tttt DW": what tells the rows of a table apart.
std::string PatternWithOverlap(const std::string& pattern, const std::string& overlap);

// "tttt", or, where ranks have a replica each, "tttt data". Empty: tensor.
std::string PatternWithStrategy(const std::string& pattern, const std::string& strategy);

// Four decimals: losses are compared in the third.
std::string FormatLoss(double loss);

}  // namespace edgetp
