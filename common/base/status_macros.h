// RETURN_IF_ERROR and ASSIGN_OR_RETURN for absl::Status (Abseil's own came later than the version
// of Debian 12).
#pragma once

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace edgetp {

// The same status with "context: " before its message. The code is never changed on the way up.
inline absl::Status Annotate(const absl::Status& status, const std::string& context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), context + ": " + std::string(status.message()));
}

}  // namespace edgetp

#define EDGETP_CONCAT_INNER(a, b) a##b
#define EDGETP_CONCAT(a, b) EDGETP_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expression)                                         \
  do {                                                                      \
    if (absl::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)

#define EDGETP_ASSIGN_OR_RETURN(result, target, expression) \
  auto result = (expression);                               \
  if (!result.ok()) return std::move(result).status();      \
  target = *std::move(result)

#define ASSIGN_OR_RETURN(target, expression) \
  EDGETP_ASSIGN_OR_RETURN(EDGETP_CONCAT(status_or_, __LINE__), target, expression)
