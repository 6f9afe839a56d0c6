#include "common/network/mahimahi_trace.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace edgetp {
namespace {

absl::Status LineError(const std::string& origin, size_t line, const std::string& rule) {
  return absl::InvalidArgumentError(absl::StrCat(origin, ":", line, ": ", rule));
}

absl::Status CheckCount(size_t count) {
  if (count == 0) return absl::InvalidArgumentError("a trace must have at least one line");
  if (count <= kMaxOpportunities) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a trace must have at most ", kMaxOpportunities, " lines (got ", count, ")"));
}

absl::Status CheckEnd(uint32_t last_ms) {
  if (last_ms > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "a trace must end after 0 ms: its last line is the time after which it repeats");
}

std::string NotBelow(uint32_t before, uint32_t got) {
  return absl::StrCat("must not be below the time before, ", before, " ms (got ", got, ")");
}

}  // namespace

absl::StatusOr<std::vector<uint32_t>> ParseMahimahiTrace(const std::string& text,
                                                         const std::string& origin) {
  const std::string whole(absl::StripTrailingAsciiWhitespace(text));
  std::vector<uint32_t> opportunities_ms;
  size_t line = 0;
  for (size_t at = 0; at < whole.size();) {
    ++line;
    const size_t end = std::min(whole.find('\n', at), whole.size());
    const std::string words(absl::StripSuffix(whole.substr(at, end - at), "\r"));
    at = end + 1;
    uint32_t ms = 0;
    if (!absl::SimpleAtoi(words, &ms)) {
      return LineError(origin, line,
                       absl::StrCat("must be a whole number of milliseconds (got \"",
                                    words.substr(0, 40), "\")"));
    }
    if (!opportunities_ms.empty() && ms < opportunities_ms.back())
      return LineError(origin, line, NotBelow(opportunities_ms.back(), ms));
    opportunities_ms.push_back(ms);
  }
  absl::Status sound = CheckCount(opportunities_ms.size());
  if (sound.ok()) sound = CheckEnd(opportunities_ms.back());
  if (!sound.ok()) return LineError(origin, line, std::string(sound.message()));
  return opportunities_ms;
}

absl::Status CheckOpportunities(const std::vector<uint32_t>& opportunities_ms) {
  const absl::Status count = CheckCount(opportunities_ms.size());
  if (!count.ok()) return count;
  for (size_t i = 1; i < opportunities_ms.size(); ++i) {
    if (opportunities_ms[i] >= opportunities_ms[i - 1]) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("time ", i, " ", NotBelow(opportunities_ms[i - 1], opportunities_ms[i])));
  }
  return CheckEnd(opportunities_ms.back());
}

MahimahiTrace::MahimahiTrace(const std::vector<uint32_t>& opportunities_ms) : knots_(1) {
  double bytes = 0;
  double at_zero = 0;
  for (const uint32_t ms : opportunities_ms) {
    if (ms == 0) {
      at_zero += kOpportunityBytes;
      continue;
    }
    bytes += kOpportunityBytes;
    if (knots_.back().ms != ms) knots_.push_back({static_cast<double>(ms), 0});
    knots_.back().bytes = bytes;
  }
  // The beginning of a period is the end of the one before.
  knots_.back().bytes += at_zero;
}

double MahimahiTrace::BytesAt(double ms) const {
  const auto right = std::upper_bound(knots_.begin(), knots_.end(), ms,
                                      [](double at, const Knot& knot) { return at < knot.ms; });
  if (right == knots_.end()) return total_bytes();
  const Knot& left = *(right - 1);
  return left.bytes + (right->bytes - left.bytes) * (ms - left.ms) / (right->ms - left.ms);
}

double MahimahiTrace::MsAt(double bytes) const {
  const auto right = std::upper_bound(knots_.begin(), knots_.end(), bytes,
                                      [](double at, const Knot& knot) { return at < knot.bytes; });
  if (right == knots_.end()) return period_ms();
  const Knot& left = *(right - 1);
  return left.ms + (right->ms - left.ms) * (bytes - left.bytes) / (right->bytes - left.bytes);
}

absl::Duration MahimahiTrace::Finish(absl::Duration start, int64_t bytes) const {
  if (bytes <= 0) return start;
  const absl::Duration period = absl::Microseconds(1e3 * period_ms());
  absl::Duration into;
  const int64_t periods = absl::IDivDuration(start, period, &into);
  const double until = BytesAt(absl::ToDoubleMilliseconds(into)) + static_cast<double>(bytes);
  double more = std::floor(until / total_bytes());
  double rest = until - more * total_bytes();
  // What ends with a period ends there, however long nothing leaves afterwards.
  if (rest == 0) {
    more -= 1;
    rest = total_bytes();
  }
  const absl::Duration finish =
      period * (periods + static_cast<int64_t>(more)) + absl::Nanoseconds(1e6 * MsAt(rest));
  return std::max(start, finish);
}

}  // namespace edgetp
