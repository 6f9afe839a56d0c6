// What any gRPC server of ours takes from one connection, so that a stranger cannot make it hold
// much. What a single call may hold is its handler's matter. Thread-safe (no state).
#pragma once

#include <grpcpp/server_builder.h>

#include "absl/time/time.h"

namespace edgetp {

// The largest message of Cluster, Control and Blobs: a chunk of 1 MiB, or the events of a run.
inline constexpr int kMaxMessageBytes = 4 << 20;

struct ConnectionLimits {
  int message_bytes = kMaxMessageBytes;
  int calls = 64;  // at once; a worker has two, a client that watches three
  int metadata_bytes = 8 << 10;
  absl::Duration handshake = absl::Seconds(10);
  absl::Duration idle = absl::Minutes(10);  // without a call
};

// Each connection is closed, or its call refused, beyond these; and a port has one owner.
void LimitConnections(grpc::ServerBuilder* builder, const ConnectionLimits& limits = {});

}  // namespace edgetp
