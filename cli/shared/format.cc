#include "cli/shared/format.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "common/config/units.h"

namespace edgetp {

std::string FormatNumber(double value) {
  if (value == 0) return "0";
  if (!std::isfinite(value)) return std::isnan(value) ? "nan" : (value > 0 ? "inf" : "-inf");
  // 99.96 is shown as 100: the exponent is that of the rounded value.
  const int exponent = static_cast<int>(std::floor(std::log10(std::abs(value) * 1.0005)));
  return absl::StrFormat("%.*f", std::clamp(2 - exponent, 0, 6), value);
}

std::string FormatMilliseconds(double seconds) { return FormatNumber(1e3 * seconds); }

std::string FormatSeconds(double seconds) { return edgetp::FormatDuration(absl::Seconds(seconds)); }

std::string FormatPercent(double share) { return absl::StrFormat("%.1f %%", 100 * share); }

std::string FormatLoss(double loss) { return absl::StrFormat("%.4f", loss); }

std::string PatternWithOverlap(const std::string& pattern, const std::string& overlap) {
  return overlap.empty() || overlap == "NONE" ? pattern : absl::StrCat(pattern, " ", overlap);
}

std::string PatternWithStrategy(const std::string& pattern, const std::string& strategy) {
  return strategy.empty() || strategy == "tensor" ? pattern : absl::StrCat(pattern, " ", strategy);
}

}  // namespace edgetp
