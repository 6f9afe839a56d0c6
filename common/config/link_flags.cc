#include "common/config/link_flags.h"

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/config/units.h"
#include "common/network/network_profile.h"

namespace edgetp {
namespace {

constexpr char kUnlimitedRate[] = "unlimited";

absl::Status SetDelay(const std::string& text, v1::LinkConfig* link) {
  ASSIGN_OR_RETURN(const absl::Duration delay, ParseDelay(text));
  link->set_delay_us(absl::ToDoubleMicroseconds(delay));
  for (auto& quantile : *link->mutable_quantiles()) {
    quantile.set_jitter_us(std::max(quantile.jitter_us(), -link->delay_us()));
  }
  return absl::OkStatus();
}

absl::Status SetJitter(const std::string& text, v1::LinkConfig* link) {
  ASSIGN_OR_RETURN(const absl::Duration jitter, ParseDelay(text));
  link->set_jitter_us(absl::ToDoubleMicroseconds(jitter));
  if (link->distribution() == v1::LinkConfig::DISTRIBUTION_QUANTILES) {
    link->set_distribution(v1::LinkConfig::DISTRIBUTION_NORMAL);
    link->clear_quantiles();
  }
  return absl::OkStatus();
}

absl::Status SetRate(const std::string& text, v1::LinkConfig* link) {
  ClearCapacity(link);
  link->clear_ingress_rate_bits_per_second();
  if (text == kUnlimitedRate) return absl::OkStatus();
  ASSIGN_OR_RETURN(const double rate, ParseRate(text));
  link->set_rate_bits_per_second(rate);
  return absl::OkStatus();
}

absl::Status SetLoss(const std::string& text, v1::LinkConfig* link) {
  ASSIGN_OR_RETURN(const double loss, ParsePercent(text));
  link->set_loss(loss);
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyLinkFlags(const LinkFlags& flags, v1::LinkConfig* link) {
  const struct {
    const char* name;
    const std::optional<std::string>& text;
    absl::Status (*set)(const std::string&, v1::LinkConfig*);
  } rows[] = {{"--delay", flags.delay, &SetDelay},
              {"--jitter", flags.jitter, &SetJitter},
              {"--rate", flags.rate, &SetRate},
              {"--loss", flags.loss, &SetLoss}};
  v1::LinkConfig changed = *link;
  for (const auto& row : rows) {
    if (row.text.has_value()) RETURN_IF_ERROR(Annotate(row.set(*row.text, &changed), row.name));
  }
  *link = changed;
  return absl::OkStatus();
}

absl::Status ParseLinkName(const std::string& text, int* source, int* destination) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  const bool ranks = parts.size() == 2 && absl::SimpleAtoi(parts[0], source) &&
                     absl::SimpleAtoi(parts[1], destination) && *source >= 0 && *destination >= 0;
  if (ranks && *source != *destination) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "--link ", text, ": must be SOURCE:DESTINATION, two different ranks, as in 0:1"));
}

}  // namespace edgetp
