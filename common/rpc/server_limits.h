// What any gRPC server of ours takes from one connection, so that a stranger cannot make it hold
// much. What a single call may hold is its handler's matter. Thread-safe (no state).
#pragma once

#include <grpcpp/server_builder.h>

namespace edgetp {

// The largest message of Cluster, Control and Blobs: a chunk of 1 MiB, or the events of a run.
inline constexpr int kMaxMessageBytes = 4 << 20;

// Message size, streams per connection, size of metadata, time for a handshake, life of a
// connection without calls, and one owner for a port.
void LimitConnections(grpc::ServerBuilder* builder, int max_message_bytes = kMaxMessageBytes);

}  // namespace edgetp
