#include "common/config/units.h"

#include <cmath>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

struct Unit {
  const char* name;  // lower case
  double factor;
};

// In base units. Far beyond every byte, bit per second and second; durations hold it exactly.
constexpr double kMaxQuantity = 1e18;

std::string UnitNames(const std::vector<Unit>& units) {
  return absl::StrJoin(units, ", ",
                       [](std::string* out, const Unit& unit) { out->append(unit.name); });
}

// A finite number >= 0 directly followed by one of `units` (any case). A bare number is allowed
// where `bare` says so, and always for 0.
absl::StatusOr<double> ParseQuantity(const std::string& text, const std::string& what,
                                     const std::vector<Unit>& units, bool bare) {
  const std::string trimmed(absl::StripAsciiWhitespace(text));
  const size_t end = std::min(trimmed.find_first_not_of("0123456789.+-eE"), trimmed.size());
  const std::string unit =
      absl::AsciiStrToLower(std::string(absl::StripAsciiWhitespace(trimmed.substr(end))));
  double number = 0;
  const auto error = [&](const std::string& rule) {
    return absl::InvalidArgumentError(absl::StrCat(what, " \"", text, "\": ", rule));
  };
  if (!absl::SimpleAtod(trimmed.substr(0, end), &number) || !std::isfinite(number)) {
    return error(absl::StrCat("must be a number with a unit (", UnitNames(units), ")"));
  }
  if (number < 0) return error("must not be negative");
  if (unit.empty() && (bare || number == 0)) return number;
  for (const Unit& candidate : units) {
    if (unit != candidate.name) continue;
    if (number * candidate.factor <= kMaxQuantity) return number * candidate.factor;
    return error(absl::StrCat("is more than anything has (limit ", kMaxQuantity, ")"));
  }
  return error(absl::StrCat(unit.empty() ? "has no unit" : "has an unknown unit", "; use one of ",
                            UnitNames(units)));
}

// Three significant digits, without trailing zeros: 384, 1.69, 12.3.
std::string Digits(double value) {
  std::string text = absl::StrFormat("%.*f", value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2, value);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text;
}

// The largest unit that leaves at least one; `units` rise.
std::string Scaled(double value, const std::vector<Unit>& units) {
  const Unit* unit = &units[0];
  for (const Unit& candidate : units) {
    if (std::abs(value) >= candidate.factor * 0.9995) unit = &candidate;
  }
  const char* sign = value < 0 ? "-" : "";
  return absl::StrCat(sign, Digits(std::abs(value) / unit->factor), " ", unit->name);
}

}  // namespace

absl::StatusOr<absl::Duration> ParseDelay(const std::string& text) {
  ASSIGN_OR_RETURN(
      const double seconds,
      ParseQuantity(text, "delay", {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}}, false));
  return absl::Seconds(seconds);
}

absl::StatusOr<double> ParseRate(const std::string& text) {
  ASSIGN_OR_RETURN(
      const double rate,
      ParseQuantity(text, "rate",
                    {{"bit", 1}, {"kbit", 1e3}, {"mbit", 1e6}, {"gbit", 1e9}, {"tbit", 1e12}},
                    false));
  if (rate <= 0)
    return absl::InvalidArgumentError(absl::StrCat("rate \"", text, "\": must be above 0"));
  return rate;
}

absl::StatusOr<int64_t> ParseBytes(const std::string& text) {
  ASSIGN_OR_RETURN(const double bytes, ParseQuantity(text, "size",
                                                     {{"b", 1},
                                                      {"kb", 1e3},
                                                      {"mb", 1e6},
                                                      {"gb", 1e9},
                                                      {"kib", 0x1p10},
                                                      {"mib", 0x1p20},
                                                      {"gib", 0x1p30}},
                                                     true));
  if (bytes > 0x1p53)
    return absl::InvalidArgumentError(absl::StrCat("size \"", text, "\": must be at most 2^53"));
  return static_cast<int64_t>(bytes);
}

absl::StatusOr<double> ParsePercent(const std::string& text) {
  ASSIGN_OR_RETURN(const double share, ParseQuantity(text, "share", {{"%", 0.01}}, false));
  if (share > 1)
    return absl::InvalidArgumentError(absl::StrCat("share \"", text, "\": must be at most 100%"));
  return share;
}

std::string FormatBytes(double bytes) {
  return Scaled(bytes,
                {{"B", 1}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}});
}

std::string FormatDuration(absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  if (!std::isfinite(seconds)) return "forever";
  if (seconds == 0) return "0 s";
  if (seconds < 119.5) return Scaled(seconds, {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}});
  const int64_t whole = std::llround(seconds);
  if (whole < 3600) return absl::StrFormat("%dm%02ds", whole / 60, whole % 60);
  return absl::StrFormat("%dh%02dm", whole / 3600, whole % 3600 / 60);
}

std::string FormatRate(double bits_per_second) {
  return Scaled(bits_per_second, {{"bit/s", 1}, {"kbit/s", 1e3}, {"Mbit/s", 1e6}, {"Gbit/s", 1e9}});
}

std::string FormatCount(double count) {
  for (const Unit& unit : {Unit{"T", 1e12}, Unit{"B", 1e9}, Unit{"M", 1e6}, Unit{"K", 1e3}}) {
    if (count >= unit.factor) return absl::StrFormat("%.2f%s", count / unit.factor, unit.name);
  }
  return absl::StrFormat("%.0f", count);
}

}  // namespace edgetp
