#include "worker/transport/blame.h"

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

constexpr char kBlamedRank[] = "edgetp/blamed_rank";

}  // namespace

absl::Status Blaming(int rank, absl::Status status) {
  if (!BlamedRank(status).has_value())
    status.SetPayload(kBlamedRank, absl::Cord(absl::StrCat(rank)));
  return status;
}

std::optional<int> BlamedRank(const absl::Status& status) {
  const auto payload = status.GetPayload(kBlamedRank);
  int rank = -1;
  if (!payload.has_value() || !absl::SimpleAtoi(std::string(*payload), &rank)) return std::nullopt;
  return rank;
}

absl::Status AnnotateBlame(const absl::Status& status, const std::string& context) {
  const std::optional<int> blamed = BlamedRank(status);
  absl::Status annotated = Annotate(status, context);
  return blamed.has_value() ? Blaming(*blamed, std::move(annotated)) : annotated;
}

}  // namespace edgetp
