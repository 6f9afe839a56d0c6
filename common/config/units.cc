#include "common/config/units.h"

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

struct Unit {
  const char* name;  // lower case
  double factor;
};

// What people write for it instead; lower case.
struct Alias {
  const char* name;
  const char* unit;
};

constexpr Alias kAliases[] = {
    {"bps", "bit"},      {"kbps", "kbit"}, {"mbps", "mbit"},      {"gbps", "gbit"},
    {"b/s", "bit"},      {"kb/s", "kbit"}, {"mb/s", "mbit"},      {"gb/s", "gbit"},
    {"k", "kbit"},       {"m", "mbit"},    {"g", "gbit"},         {"kb", "kbit"},
    {"mb", "mbit"},      {"gb", "gbit"},   {"kbits", "kbit"},     {"mbits", "mbit"},
    {"gbits", "gbit"},   {"k", "kib"},     {"m", "mib"},          {"g", "gib"},
    {"ki", "kib"},       {"mi", "mib"},    {"gi", "gib"},         {"byte", "b"},
    {"bytes", "b"},      {"msec", "ms"},   {"msecs", "ms"},       {"usec", "us"},
    {"\xc2\xb5s", "us"}, {"nsec", "ns"},   {"sec", "s"},          {"secs", "s"},
    {"second", "s"},     {"seconds", "s"}, {"millisecond", "ms"}, {"milliseconds", "ms"},
    {"percent", "%"},    {"pct", "%"},
};

// In base units. Far beyond every byte, bit per second and second; durations hold it exactly.
constexpr double kMaxQuantity = 1e18;

std::string UnitNames(const std::vector<Unit>& units) {
  return absl::StrJoin(units, ", ",
                       [](std::string* out, const Unit& unit) { out->append(unit.name); });
}

// "; did you mean 100mbit?", or nothing.
std::string Guess(const std::string& number, const std::string& unit,
                  const std::vector<Unit>& units) {
  for (const Alias& alias : kAliases) {
    if (unit != alias.name) continue;
    for (const Unit& candidate : units) {
      if (candidate.name == std::string(alias.unit))
        return absl::StrCat("; did you mean ", number, alias.unit, "?");
    }
  }
  return "";
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
    return error(absl::StrCat("is more than anything has (limit ", FormatPlain(kMaxQuantity), ")"));
  }
  const std::string guess = Guess(trimmed.substr(0, end), unit, units);
  return error(absl::StrCat(unit.empty() ? "has no unit" : "has an unknown unit", guess,
                            guess.empty() ? "; use one of " : " Known: ", UnitNames(units)));
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
  // What FormatRate prints is read, too.
  const bool per_second = absl::EndsWith(absl::AsciiStrToLower(text), "bit/s");
  ASSIGN_OR_RETURN(
      const double rate,
      ParseQuantity(per_second ? text.substr(0, text.size() - 2) : text, "rate",
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

std::string FormatPlain(double number) {
  const double size = std::abs(number);
  if (!std::isfinite(number) || size >= 1e15 || (size > 0 && size < 1e-6)) {
    return absl::StrReplaceAll(absl::StrFormat("%.6g", number), {{"e+", "e"}});
  }
  if (number == std::floor(number)) return absl::StrFormat("%.0f", number);
  std::string text = absl::StrFormat("%.*f", size >= 1 ? 6 : 12, number);
  text.erase(text.find_last_not_of('0') + 1);
  return text;
}

std::string UnitOfField(const std::string& field) {
  constexpr std::pair<const char*, const char*> kUnits[] = {{"bits_per_second", " bit/s"},
                                                            {"bytes_per_second", " bytes/s"},
                                                            {"flops_per_second", " FLOP/s"},
                                                            {"_seconds", " s"},
                                                            {"_bytes", " bytes"},
                                                            {"_us", " us"},
                                                            {"_ms", " ms"},
                                                            {"_kib", " KiB"},
                                                            {"watts", " W"},
                                                            {"watts_idle", " W"},
                                                            {"watts_exchange", " W"},
                                                            {"watts_busy", " W"},
                                                            {"kelvin_per_watt", " K/W"},
                                                            {"_kelvin", " K"}};
  for (const auto& [ending, unit] : kUnits) {
    if (absl::EndsWith(field, ending)) return unit;
  }
  return "";
}

std::string FormatCount(double count) {
  for (const Unit& unit : {Unit{"T", 1e12}, Unit{"B", 1e9}, Unit{"M", 1e6}, Unit{"K", 1e3}}) {
    if (count >= unit.factor) return absl::StrFormat("%.2f%s", count / unit.factor, unit.name);
  }
  return absl::StrFormat("%.0f", count);
}

}  // namespace edgetp
