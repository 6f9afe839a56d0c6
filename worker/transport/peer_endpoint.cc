#include "worker/transport/peer_endpoint.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/rpc/channel.h"
#include "common/rpc/deadline.h"
#include "common/rpc/server_limits.h"
#include "grpc/impl/codegen/compression_types.h"
#include "grpc/support/time.h"
#include "worker/transport/segment_codec.h"

namespace edgetp {
namespace {

// Callers that no group has taken yet; more are refused.
constexpr size_t kMaxArrivals = 64;
// One HTTP/2 frame for most of a segment.
constexpr int kFrameBytes = 1 << 20;
constexpr int kNoCompression = 1 << GRPC_COMPRESS_NONE;
constexpr int kFirstReconnectMs = 20;
constexpr int kLastReconnectMs = 200;
// What one attempt may take: round trips of a slow link.
constexpr int kConnectMs = 5000;
// For what callers have left behind to be seen before the end.
constexpr absl::Duration kFarewell = absl::Milliseconds(20);
constexpr int kMaxPeerMessageBytes = kMaxSegmentBytes + kMaxSegmentHeaderBytes;

std::string WithPort(const std::string& address, int port) {
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<PeerEndpoint>> PeerEndpoint::Create(
    const std::string& listen_address, const Security& security) {
  if (listen_address.rfind(':') == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("peer endpoint: want host:port (address=", listen_address, ")"));
  }
  RETURN_IF_ERROR(security.CheckListen("peer endpoint", listen_address));
  std::unique_ptr<PeerEndpoint> endpoint(new PeerEndpoint(security));
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(listen_address, security.server_credentials(), &port);
  LimitConnections(&builder, {.message_bytes = kMaxPeerMessageBytes});
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kFrameBytes);
  // Nobody compresses here, and 4 MiB could unfold into gigabytes.
  builder.AddChannelArgument(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, kNoCompression);
  builder.RegisterAsyncGenericService(&endpoint->service_);
  endpoint->queue_ = builder.AddCompletionQueue();
  endpoint->server_ = builder.BuildAndStart();
  if (endpoint->server_ == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", listen_address,
                     ": the port is in use or the address is not this host's"));
  }
  endpoint->address_ = WithPort(listen_address, port);
  endpoint->Accept();
  return endpoint;
}

PeerEndpoint::~PeerEndpoint() { Shutdown(); }

void PeerEndpoint::Shutdown() {
  if (server_ == nullptr) return;
  // A caller that gave up dialling may have left a connection that nobody has read from since: the
  // server would wait for its handshake. Its end is there to be seen.
  for (const absl::Time until = MonotonicNow() + kFarewell; MonotonicNow() < until;) Poll(until);
  for (Arrival& arrival : arrivals_) Retire(std::move(arrival.stream));
  arrivals_.clear();
  Retire(std::move(accepting_));
  for (auto& stream : retired_) {
    stream->Abandon();
    stream->Cancel();
  }
  server_->Shutdown(gpr_inf_past(GPR_CLOCK_MONOTONIC));
  queue_->Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) static_cast<CompletionTag*>(tag)->Complete(ok);
}

void PeerEndpoint::Accept() {
  accepting_ = std::make_unique<AcceptedStream>(&service_, queue_.get(), &security_);
}

std::unique_ptr<PeerStream> PeerEndpoint::Dial(const std::string& address) {
  grpc::ChannelArguments arguments;
  // A connection of its own: no other user of the process may share it and poll for it.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kFrameBytes);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Peers come up at different times: ask again soon.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLastReconnectMs);
  arguments.SetMaxReceiveMessageSize(kMaxPeerMessageBytes);
  arguments.SetInt(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, kNoCompression);
  ExpectRole(security_, Role::kWorker, &arguments);
  return std::make_unique<DialledStream>(
      grpc::CreateCustomChannel(address, security_.channel_credentials(), arguments), queue_.get(),
      security_);
}

void PeerEndpoint::Retire(std::unique_ptr<PeerStream> stream) {
  if (stream == nullptr) return;
  stream->Close();
  retired_.push_back(std::move(stream));
}

void PeerEndpoint::Poll(absl::Time until) {
  void* tag = nullptr;
  bool ok = false;
  const gpr_timespec deadline = GrpcDeadline(until);
  const bool all = until == absl::InfinitePast();
  while (queue_->AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::GOT_EVENT) {
    static_cast<CompletionTag*>(tag)->Complete(ok);
    // Whether there is more costs a system call: a caller who waits looks at what he has first.
    if (!all) break;
  }
  Tidy();
}

void PeerEndpoint::Tidy() {
  if (accepting_->state() != PeerStream::State::kStarting) {
    arrivals_.push_back({std::move(accepting_), MonotonicNow()});
    Accept();
  }
  if (!arrivals_.empty()) TidyArrivals();
  for (auto& stream : retired_) {
    while (stream->HasMessage()) stream->TakeMessage();  // read on, so that the end is seen
  }
  std::erase_if(retired_, [](const std::unique_ptr<PeerStream>& stream) {
    return stream->idle() && stream->state() == PeerStream::State::kEnded;
  });
}

void PeerEndpoint::Refuse(std::unique_ptr<PeerStream> stream, const absl::Status& status) {
  stream->Reject(status);
  Retire(std::move(stream));
}

void PeerEndpoint::TidyArrivals() {
  const absl::Time now = MonotonicNow();
  const auto is_silent = [](const Arrival& arrival) { return !arrival.stream->HasMessage(); };
  for (Arrival& arrival : arrivals_) {
    if (!is_silent(arrival)) continue;
    if (arrival.stream->state() == PeerStream::State::kEnded) {
      Retire(std::move(arrival.stream));
    } else if (now - arrival.since > kSilence) {
      Refuse(std::move(arrival.stream),
             absl::DeadlineExceededError("peer: a caller that has said nothing"));
    }
  }
  std::erase_if(arrivals_, [](const Arrival& arrival) { return arrival.stream == nullptr; });
  if (arrivals_.size() <= kMaxArrivals) return;
  // The newest one is refused only if all others have a hello for a job to come.
  const auto victim = std::find_if(arrivals_.begin(), arrivals_.end() - 1, is_silent);
  Refuse(std::move(victim->stream),
         absl::ResourceExhaustedError("peer: too many callers that no job knows"));
  arrivals_.erase(victim);
}

void PeerEndpoint::Wake() {
  std::lock_guard<std::mutex> lock(wake_mutex_);
  if (wake_pending_) return;
  wake_pending_ = true;
  alarm_.Set(queue_.get(), gpr_inf_past(GPR_CLOCK_MONOTONIC),
             static_cast<CompletionTag*>(&wake_tag_));
}

void PeerEndpoint::WakeTag::Complete(bool ok) {
  std::lock_guard<std::mutex> lock(endpoint_->wake_mutex_);
  endpoint_->wake_pending_ = false;
}

}  // namespace edgetp
