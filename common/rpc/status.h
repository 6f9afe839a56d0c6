// The bridge between absl::Status (inside) and grpc::Status and v1::Failure (on the wire). Codes
// are the same numbers. Thread-safe (pure functions).
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "edgetp/v1/cluster.pb.h"

namespace edgetp {

grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

v1::Failure ToFailure(const absl::Status& status);
// A failure without a code is still a failure: it becomes Unknown.
absl::Status FromFailure(const v1::Failure& failure);

}  // namespace edgetp
