#include "common/config/link_flags.h"

#include <limits>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/config/network_patch.h"
#include "common/config/units.h"
#include "common/network/network_profile.h"

namespace edgetp {
namespace {

constexpr char kUnlimited[] = "unlimited";

absl::Status SetDelay(const std::string& text, v1::LinkConfig* change) {
  ASSIGN_OR_RETURN(const absl::Duration delay, ParseDelay(text));
  change->set_delay_us(absl::ToDoubleMicroseconds(delay));
  return absl::OkStatus();
}

absl::Status SetJitter(const std::string& text, v1::LinkConfig* change) {
  ASSIGN_OR_RETURN(const absl::Duration jitter, ParseDelay(text));
  change->set_jitter_us(absl::ToDoubleMicroseconds(jitter));
  return absl::OkStatus();
}

absl::Status SetRate(const std::string& text, v1::LinkConfig* change) {
  change->set_rate_bits_per_second(std::numeric_limits<double>::infinity());
  if (text == kUnlimited) return absl::OkStatus();
  ASSIGN_OR_RETURN(const double rate, ParseRate(text));
  change->set_rate_bits_per_second(rate);
  return absl::OkStatus();
}

absl::Status SetLoss(const std::string& text, v1::LinkConfig* change) {
  ASSIGN_OR_RETURN(const double loss, ParsePercent(text));
  change->set_loss(loss);
  return absl::OkStatus();
}

absl::Status SetHeaderShare(const std::string& text, v1::LinkConfig* change) {
  double share = 0;
  if (!absl::SimpleAtod(text, &share) || !(share >= 1 && share <= kMaxHeaderShare)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\": bytes that travel for each byte of payload, in [1, ",
                     kMaxHeaderShare, "], e.g. 1.062"));
  }
  change->set_header_share(share);
  return absl::OkStatus();
}

absl::Status SetWindow(const std::string& text, v1::LinkConfig* change) {
  change->set_window_bytes(std::numeric_limits<double>::infinity());
  if (text == kUnlimited) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t bytes, ParseBytes(text));
  if (bytes < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\": must be at least a byte, e.g. 64KiB, or unlimited"));
  }
  change->set_window_bytes(static_cast<double>(bytes));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<v1::LinkConfig> ParseLinkFlags(const LinkFlags& flags) {
  const struct {
    const char* name;
    const std::optional<std::string>& text;
    absl::Status (*set)(const std::string&, v1::LinkConfig*);
  } rows[] = {{"--delay", flags.delay, &SetDelay},
              {"--jitter", flags.jitter, &SetJitter},
              {"--rate", flags.rate, &SetRate},
              {"--loss", flags.loss, &SetLoss},
              {"--header_share", flags.header_share, &SetHeaderShare},
              {"--window", flags.window, &SetWindow}};
  v1::LinkConfig change;
  for (const auto& row : rows) {
    if (row.text.has_value()) RETURN_IF_ERROR(Annotate(row.set(*row.text, &change), row.name));
  }
  return change;
}

absl::Status ApplyLinkFlags(const LinkFlags& flags, v1::NetworkProfile* profile) {
  ASSIGN_OR_RETURN(const v1::LinkConfig change, ParseLinkFlags(flags));
  if (change.ByteSizeLong() == 0) return absl::OkStatus();
  ChangeLink(change, profile->mutable_link());
  profile->set_name(PatchedName(profile->name(), PatchOf(change)));
  return absl::OkStatus();
}

absl::Status ParseLinkName(const std::string& text, v1::LinkOverride* link) {
  const std::vector<std::string> ends = absl::StrSplit(text, ':');
  // -1: any; -2: nothing that could be meant.
  const auto rank = [&ends](size_t i) {
    int value = 0;
    if (ends[i] == "*") return -1;
    return absl::SimpleAtoi(ends[i], &value) && value >= 0 ? value : -2;
  };
  const int source = ends.size() == 2 ? rank(0) : -2;
  const int destination = ends.size() == 2 ? rank(1) : -2;
  if (source == destination || source == -2 || destination == -2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--link ", text, ": must be SOURCE:DESTINATION, two different ranks, as in 0:1; one of them "
        "may be * for all"));
  }
  if (source >= 0) link->set_source(source);
  if (destination >= 0) link->set_destination(destination);
  return absl::OkStatus();
}

}  // namespace edgetp
