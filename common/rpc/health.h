// The standard gRPC health service (grpc.health.v1) seen from a client.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/rpc/security.h"

namespace edgetp {

// OK if the server at "host:port" says that it is serving.
// Blocks until: the answer, at most `timeout`.
// Errors: Unavailable if it says anything else; what gRPC says if there is no answer, naming the
// address.
absl::Status CheckHealth(const std::string& address, absl::Duration timeout,
                         const Security& security = Security(), Role dialled = Role::kServer);

}  // namespace edgetp
