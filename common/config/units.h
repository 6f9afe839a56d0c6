// Numbers with units as people write them on the command line, and back. The words are those of tc.
// Pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace edgetp {

// "50ms", "3us", "1.5s", "0".
// Errors: InvalidArgument with the rule; so for all parsers here.
absl::StatusOr<absl::Duration> ParseDelay(const std::string& text);

// "20mbit", "1gbit", "56kbit", "9600bit", also with "/s": bit/s, decimal multiples. Positive.
absl::StatusOr<double> ParseRate(const std::string& text);

// "4KiB", "36MiB", "1000", "1.5GB": bytes; KiB is 1024, KB 1000. At least 0; fractions of a byte
// are dropped.
absl::StatusOr<int64_t> ParseBytes(const std::string& text);

// "1%", "0.5%", "0": a share in [0, 1].
absl::StatusOr<double> ParsePercent(const std::string& text);

// "384 KiB", "1.69 GiB", "12 B".
std::string FormatBytes(double bytes);
// "12.3 ms", "1.5 s", "250 us"; minutes and hours from two minutes on: "2m05s", "1h03m".
// Call it qualified: absl::FormatDuration is found beside it.
std::string FormatDuration(absl::Duration duration);
// "300 Mbit/s".
std::string FormatRate(double bits_per_second);
// A number in full, as it would be typed: "4190208", "0.001", never "4.19021e+06" (but "1e30").
std::string FormatPlain(double number);
// The unit that a field's name ends with, after a blank: " us" of "delay_us", " bit/s" of
// "rate_bits_per_second". Empty without one.
std::string UnitOfField(const std::string& field);
// "123.69M", "10.65K", "128".
std::string FormatCount(double count);

}  // namespace edgetp
