#include "worker/peer_endpoint.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/rpc/deadline.h"
#include "grpc/support/time.h"
#include "worker/segment_codec.h"

namespace edgetp {
namespace {

// Strangers that have connected and said nothing; more are refused.
constexpr size_t kMaxArrivals = 64;
// One HTTP/2 frame for most of a segment.
constexpr int kFrameBytes = 1 << 20;
constexpr int kFirstReconnectMs = 20;
constexpr int kLastReconnectMs = 200;
constexpr int kMaxMessageBytes = kMaxSegmentBytes + kMaxSegmentHeaderBytes;

std::string WithPort(const std::string& address, int port) {
  return absl::StrCat(address.substr(0, address.rfind(':')), ":", port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<PeerEndpoint>> PeerEndpoint::Create(
    const std::string& listen_address) {
  if (listen_address.rfind(':') == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("peer endpoint: want host:port (address=", listen_address, ")"));
  }
  std::unique_ptr<PeerEndpoint> endpoint(new PeerEndpoint());
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(listen_address, grpc::InsecureServerCredentials(), &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kFrameBytes);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
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
  for (auto& stream : arrivals_) Retire(std::move(stream));
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
  accepting_ = std::make_unique<AcceptedStream>(&service_, queue_.get());
}

std::unique_ptr<PeerStream> PeerEndpoint::Dial(const std::string& address) {
  grpc::ChannelArguments arguments;
  // A connection of its own: no other user of the process may share it and poll for it.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kFrameBytes);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Peers come up at different times: ask again soon.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kLastReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kLastReconnectMs);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  return std::make_unique<DialledStream>(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments),
      queue_.get());
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
    if (arrivals_.size() < kMaxArrivals) {
      arrivals_.push_back(std::move(accepting_));
    } else {
      accepting_->Reject(absl::ResourceExhaustedError("peer: too many callers that no job knows"));
      Retire(std::move(accepting_));
    }
    Accept();
  }
  for (auto& stream : retired_) {
    while (stream->HasMessage()) stream->TakeMessage();  // read on, so that the end is seen
  }
  std::erase_if(retired_, [](const std::unique_ptr<PeerStream>& stream) {
    return stream->idle() && stream->state() == PeerStream::State::kEnded;
  });
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
