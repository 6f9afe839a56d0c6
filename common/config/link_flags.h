// The link options of the command line (--delay --jitter --rate --loss), applied to a profile.
// Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// As typed; absent: leave the profile's value.
struct LinkFlags {
  std::optional<std::string> delay;   // "50ms"
  std::optional<std::string> jitter;  // "5ms"
  std::optional<std::string> rate;    // "20mbit", or "unlimited"
  std::optional<std::string> loss;    // "1%"
};

// Changes `link` as asked. --jitter replaces a quantile table by the normal distribution; --delay
// keeps a table, but raises what would arrive before it was sent; --rate is the rate of both ends,
// and takes the place of a trace.
// Errors: InvalidArgument naming the flag, its value and the rule; `link` is unchanged then.
absl::Status ApplyLinkFlags(const LinkFlags& flags, v1::LinkConfig* link);

// A link is directed: "0:1". Errors: InvalidArgument unless both are ranks and differ.
absl::Status ParseLinkName(const std::string& text, int* source, int* destination);

}  // namespace edgetp
