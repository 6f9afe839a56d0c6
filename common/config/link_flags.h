// The link options of the command line (--delay --jitter --rate --loss --header_share --window),
// applied to a profile. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

// As typed; absent: leave the profile's value.
struct LinkFlags {
  std::optional<std::string> delay;   // "50ms"
  std::optional<std::string> jitter;  // "5ms"
  std::optional<std::string> rate;    // "20mbit", or "unlimited"
  std::optional<std::string> loss;    // "1%"
  std::optional<std::string> header_share;  // "1.062"
  std::optional<std::string> window;        // "64KiB", or "unlimited"

  bool empty() const {
    return !delay && !jitter && !rate && !loss && !header_share && !window;
  }
};

// What the flags change, as ChangeLink takes it: only their fields are present, and what is unlimited
// is infinite.
// Errors: InvalidArgument naming the flag, its value and the rule.
absl::StatusOr<v1::LinkConfig> ParseLinkFlags(const LinkFlags& flags);

// Changes the profile's default link, and its name with it: "wifi-5+rate20mbit".
// Errors: those of ParseLinkFlags; the profile is unchanged then.
absl::Status ApplyLinkFlags(const LinkFlags& flags, v1::NetworkProfile* profile);

// Directed links by their ends: "0:1", or all from one rank, "0:*", or to one, "*:1". Sets the ends.
// Errors: InvalidArgument unless each is a rank or *, one is a rank, and they differ.
absl::Status ParseLinkName(const std::string& text, v1::LinkOverride* link);

}  // namespace edgetp
