// The worker's end of the Join stream: joins, sends heartbeats, queues what is to be said, hands on
// what the server says. Send is thread-safe and never blocks. The handler is called by the stream's
// reading thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/rpc/security.h"
#include "edgetp/v1/cluster.grpc.pb.h"

namespace edgetp {

struct ServerLinkOptions {
  std::string server;  // HOST:PORT
  v1::JoinRequest join;
  absl::Duration
      connect_timeout;  // a server that starts later than its workers is waited for this long
  Security security;
  std::function<bool()> is_stopped;  // nobody wants the link any longer; null: never
};

class ServerLink {
 public:
  // What the link tells its owner. Called by one thread, in order; OnClosed is the last call.
  struct Handler {
    std::function<void(const v1::ServerMessage&)> on_message;
    std::function<void(const absl::Status&)> on_closed;
  };

  // Blocks until: the server has answered with `welcome`, or the timeout.
  // Errors: Unavailable (no server), FailedPrecondition (version), InvalidArgument, as the server
  // says; Cancelled (is_stopped).
  static absl::StatusOr<std::unique_ptr<ServerLink>> Connect(const ServerLinkOptions& options,
                                                             Handler handler);

  // Sends what is queued, ends the stream and joins the threads, within two seconds.
  ~ServerLink();

  void Send(v1::WorkerMessage message);

  const v1::Welcome& welcome() const { return welcome_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  ServerLink(const ServerLinkOptions& options, Handler handler);
  absl::Status Join(const v1::JoinRequest& join);
  void ReadLoop();
  void WriteLoop();

  Handler handler_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Cluster::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::ServerMessage>> stream_;
  v1::Welcome welcome_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<v1::WorkerMessage> outbox_;
  bool closing_ = false;  // the owner is done
  bool flushed_ = false;  // the writing thread has ended
  bool broken_ = false;   // the stream no longer takes messages

  std::thread reader_;
  std::thread writer_;
};

}  // namespace edgetp
