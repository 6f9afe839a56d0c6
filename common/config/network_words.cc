#include "common/config/network_words.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/config/units.h"
#include "common/config/validate.h"

namespace edgetp {
namespace {

// "0,1:2,3": groups of ranks that can reach one another; "none" joins them again.
absl::Status ParsePartition(const std::string& text, v1::NetworkPatch* patch) {
  if (text.empty()) return absl::OkStatus();
  patch->set_heal(text == "none");
  if (patch->heal()) return absl::OkStatus();
  for (const auto& group : absl::StrSplit(text, ':')) {
    v1::PartitionGroup* ranks = patch->add_partition();
    for (const auto& word : absl::StrSplit(group, ',')) {
      int rank = 0;
      if (!absl::SimpleAtoi(word, &rank) || rank < 0) {
        return absl::InvalidArgumentError(
            absl::StrCat("--partition: groups of ranks like 0,1:2,3, or none (got ", text, ")"));
      }
      ranks->add_ranks(rank);
    }
  }
  return absl::OkStatus();
}

// The link options, for the directed links that are named, or for all.
absl::Status ParseLinks(const NetworkWords& words, v1::NetworkPatch* patch) {
  ASSIGN_OR_RETURN(const v1::LinkConfig change, ParseLinkFlags(words.options));
  if (change.ByteSizeLong() == 0) {
    if (words.link.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat("--link ", words.link,
                     ": needs one of --delay, --jitter, --rate, --loss, "
                     "--header_share, --window"));
  }
  v1::LinkOverride* const link = patch->add_links();
  *link->mutable_link() = change;
  return words.link.empty() ? absl::OkStatus() : ParseLinkName(words.link, link);
}

}  // namespace

absl::StatusOr<v1::SetNetworkRequest> ToSetNetworkRequest(const NetworkWords& words,
                                                          const ConfigLibrary& library) {
  v1::SetNetworkRequest request;
  if (!words.name.empty()) {
    ASSIGN_OR_RETURN(*request.mutable_network(), library.Network(words.name));
    RETURN_IF_ERROR(ValidateNetwork(request.network(), std::nullopt, "command line"));
  }
  if (words.span.has_value()) {
    const auto span = ParseDelay(*words.span);
    RETURN_IF_ERROR(Annotate(span.status(), "--for"));
    request.set_for_seconds(absl::ToDoubleSeconds(*span));
  }
  v1::NetworkPatch patch;
  RETURN_IF_ERROR(ParseLinks(words, &patch));
  RETURN_IF_ERROR(ParsePartition(words.partition, &patch));
  if (patch.ByteSizeLong() > 0) *request.mutable_patch() = patch;
  if (request.has_network() || request.has_patch()) return request;
  return absl::InvalidArgumentError(
      "network set: give a profile's NAME, link options or --partition");
}

}  // namespace edgetp
