// Which other rank a failure is about: travels with the status of a collective to the server, which
// finds out whose connection it was when several ranks blame one another. Thread-safe (pure).
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace edgetp {

// `status`, blaming a rank; one that blames somebody already keeps it.
absl::Status Blaming(int rank, absl::Status status);

std::optional<int> BlamedRank(const absl::Status& status);

// As Annotate, and the blame stays.
absl::Status AnnotateBlame(const absl::Status& status, const std::string& context);

}  // namespace edgetp
