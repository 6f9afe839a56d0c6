#include "common/rpc/server_limits.h"

#include <grpc/grpc.h>

namespace edgetp {
namespace {

// A worker has two calls at once, a client that watches three.
constexpr int kMaxStreams = 64;
constexpr int kMaxMetadataBytes = 8 << 10;
constexpr int kHandshakeMs = 10'000;
constexpr int kIdleMs = 10 * 60'000;

}  // namespace

void LimitConnections(grpc::ServerBuilder* builder, int max_message_bytes) {
  builder->SetMaxReceiveMessageSize(max_message_bytes);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMs);
  // Without this, a second program on the same port would share it silently.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace edgetp
