#include "worker/job/server_link.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/rpc/channel.h"
#include "common/rpc/deadline.h"
#include "common/rpc/status.h"

namespace edgetp {
namespace {

constexpr absl::Duration kLastTry = absl::Seconds(1);
// How soon somebody who waits for a server is let go.
constexpr absl::Duration kStopPoll = absl::Milliseconds(100);

// Blocks until: connected (true), `deadline`, or `is_stopped`.
bool AwaitConnected(grpc::Channel& channel, absl::Time deadline,
                    const std::function<bool()>& is_stopped) {
  while (true) {
    const absl::Time now = MonotonicNow();
    if (channel.WaitForConnected(GrpcDeadline(std::min(deadline, now + kStopPoll)))) return true;
    if (now >= deadline || (is_stopped != nullptr && is_stopped())) return false;
  }
}

}  // namespace

ServerLink::ServerLink(const ServerLinkOptions& options, Handler handler)
    : handler_(std::move(handler)),
      channel_(MakeChannel(options.server, options.security)),
      stub_(v1::Cluster::NewStub(channel_)) {}

absl::StatusOr<std::unique_ptr<ServerLink>> ServerLink::Connect(const ServerLinkOptions& options,
                                                                Handler handler) {
  std::unique_ptr<ServerLink> link(new ServerLink(options, std::move(handler)));
  const absl::Time deadline = MonotonicNow() + options.connect_timeout;
  if (!AwaitConnected(*link->channel_, deadline, options.is_stopped)) {
    if (options.is_stopped != nullptr && options.is_stopped())
      return absl::CancelledError("join: this worker was told to stop");
    // A call that does not wait is told why: nobody listens, or the handshake failed.
    link->context_.set_deadline(GrpcDeadline(MonotonicNow() + kLastTry));
    const absl::Status reason = link->Join(options.join);
    return absl::UnavailableError(absl::StrCat("join: no server at ", options.server, " (waited ",
                                               absl::FormatDuration(options.connect_timeout),
                                               "): ", std::string(reason.message())));
  }
  RETURN_IF_ERROR(Annotate(link->Join(options.join), absl::StrCat("join ", options.server)));
  link->reader_ = std::thread(&ServerLink::ReadLoop, link.get());
  link->writer_ = std::thread(&ServerLink::WriteLoop, link.get());
  return link;
}

absl::Status ServerLink::Join(const v1::JoinRequest& join) {
  stream_ = stub_->Join(&context_);
  v1::WorkerMessage hello;
  *hello.mutable_join() = join;
  v1::ServerMessage answer;
  if (!stream_->Write(hello) || !stream_->Read(&answer)) return FromGrpc(stream_->Finish());
  if (!answer.has_welcome()) {
    context_.TryCancel();
    stream_->Finish();
    return absl::InternalError("the server's first message is not a welcome");
  }
  welcome_ = answer.welcome();
  return absl::OkStatus();
}

ServerLink::~ServerLink() {
  {
    std::unique_lock lock(mutex_);
    closing_ = true;
    changed_.notify_all();
    if (writer_.joinable())
      changed_.wait_for(lock, std::chrono::seconds(1), [this] { return flushed_; });
  }
  context_.TryCancel();
  if (writer_.joinable()) writer_.join();
  if (reader_.joinable()) reader_.join();
}

void ServerLink::Send(v1::WorkerMessage message) {
  std::lock_guard lock(mutex_);
  if (broken_) return;  // OnClosed has told the owner, or is about to
  outbox_.push_back(std::move(message));
  changed_.notify_all();
}

void ServerLink::ReadLoop() {
  v1::ServerMessage message;
  while (stream_->Read(&message)) handler_.on_message(message);
  absl::Status status = FromGrpc(stream_->Finish());
  if (status.ok()) status = absl::UnavailableError("the server ended the stream");
  {
    std::lock_guard lock(mutex_);
    broken_ = true;
    changed_.notify_all();
  }
  handler_.on_closed(Annotate(status, "server lost"));
}

void ServerLink::WriteLoop() {
  const auto interval = std::chrono::duration<double>(welcome_.heartbeat_seconds());
  std::unique_lock lock(mutex_);
  while (!broken_) {
    if (outbox_.empty()) {
      if (closing_) break;
      if (changed_.wait_for(lock, interval) == std::cv_status::timeout && outbox_.empty()) {
        outbox_.emplace_back().mutable_heartbeat();
      }
      continue;
    }
    const v1::WorkerMessage message = std::move(outbox_.front());
    outbox_.pop_front();
    lock.unlock();
    const bool written = stream_->Write(message);
    lock.lock();
    if (!written) broken_ = true;
  }
  if (!broken_) stream_->WritesDone();
  flushed_ = true;
  changed_.notify_all();
}

}  // namespace edgetp
