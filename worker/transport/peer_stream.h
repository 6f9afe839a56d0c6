// One bidirectional gRPC stream to a peer, dialled or accepted: one read and one write outstanding,
// received messages in a bounded queue. Everything happens on the thread that polls the endpoint's
// completion queue. Used by peer_endpoint, peer_group.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/rpc/security.h"
#include "grpcpp/alarm.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/grpcpp.h"

namespace edgetp {

inline constexpr char kExchangeMethod[] = "/edgetp.v1.Peer/Exchange";

// What a completion queue's tag points at.
class CompletionTag {
 public:
  virtual void Complete(bool ok) = 0;

 protected:
  ~CompletionTag() = default;
};

class PeerStream {
 public:
  virtual ~PeerStream() = default;

  enum class State {
    kStarting,  // the call is not up yet
    kOpen,
    kEnded,  // nothing more can be read; see failed()
  };

  State state() const { return state_; }
  // Ended, and not by an orderly close of the other side.
  bool failed() const { return failed_; }
  // Why it failed: gRPC's status where this side dialled.
  const absl::Status& status() const { return status_; }

  // Read ahead while fewer bytes than this are queued: enough to keep the wire busy, small enough
  // to stay in cache.
  static constexpr int64_t kMaxQueuedBytes = 2 << 20;
  static constexpr size_t kMaxQueuedMessages = 256;

  // Until its first message has been taken, no more than that one is read of a caller whom nobody
  // knows, and it must be a hello's size.
  static constexpr size_t kMaxFirstBytes = 4096;

  bool HasMessage() const { return !queue_.empty(); }
  grpc::ByteBuffer TakeMessage();
  // The same, but it counts as queued until its bytes are released.
  grpc::ByteBuffer BorrowMessage();
  void Release(int64_t bytes);

  bool CanWrite() const { return state_ == State::kOpen && !writing_ && !closing_; }
  // Requires CanWrite().
  void Write(const grpc::ByteBuffer& message);

  // Orderly: the other side reads everything that was written, then sees the end.
  void Close();
  // At once; what is under way is lost.
  virtual void Cancel() = 0;
  // For an accepted stream: ends it with `status`.
  virtual void Reject(const absl::Status& status) = 0;

  // Nothing more needs to be written for an orderly end.
  bool closed() const { return half_closed_ || state_ == State::kEnded; }

  // The completion queue is going down: starts nothing any more.
  void Abandon() { abandoned_ = true; }

  // No operation is outstanding: it may be destroyed. Until then the completion queue holds tags
  // into it.
  bool idle() const { return outstanding_ == 0; }

 protected:
  // An operation's tag: calls `handler` of its stream.
  class Operation final : public CompletionTag {
   public:
    Operation(PeerStream* stream, void (PeerStream::*handler)(bool))
        : stream_(stream), handler_(handler) {}
    void Complete(bool ok) override;
    // The tag to hand to gRPC; counts it as outstanding.
    void* Start();

   private:
    PeerStream* stream_;
    void (PeerStream::*handler_)(bool);
  };

  // `stranger`: see kMaxFirstBytes.
  explicit PeerStream(bool stranger) : stranger_(stranger) {}
  void Opened(grpc::internal::AsyncReaderInterface<grpc::ByteBuffer>* reader,
              grpc::internal::AsyncWriterInterface<grpc::ByteBuffer>* writer);
  void End(bool failed, const absl::Status& status);

  // This side has nothing more to write, and no write is under way.
  virtual void HalfClose() = 0;
  // Reading has ended.
  virtual void ReadEnded() = 0;
  virtual void Started(bool ok) = 0;
  virtual void Finished(bool ok) = 0;
  virtual void Done(bool ok) = 0;

  Operation start_{this, &PeerStream::Started};
  Operation finish_{this, &PeerStream::Finished};
  Operation done_{this, &PeerStream::Done};
  bool closing_ = false;

 private:
  void OnRead(bool ok);
  void OnWrite(bool ok);
  void ReadMore();

  Operation read_{this, &PeerStream::OnRead};
  Operation write_{this, &PeerStream::OnWrite};
  grpc::internal::AsyncReaderInterface<grpc::ByteBuffer>* reader_ = nullptr;
  grpc::internal::AsyncWriterInterface<grpc::ByteBuffer>* writer_ = nullptr;
  State state_ = State::kStarting;
  bool failed_ = false;
  bool stranger_;
  bool reading_ = false;
  // A read has failed. The stream stays open until its status is there: another read would ask for
  // that a second time, and gRPC aborts the process.
  bool read_ended_ = false;
  bool writing_ = false;
  bool half_closed_ = false;
  bool abandoned_ = false;
  int outstanding_ = 0;
  absl::Status status_;
  grpc::ByteBuffer incoming_;
  std::deque<grpc::ByteBuffer> queue_;
  size_t borrowed_ = 0;
  int64_t queued_bytes_ = 0;  // and borrowed ones
};

// This side calls the other's Exchange. Retries the connection by itself, except under TLS: a
// handshake that fails once fails for ever, and its reason is wanted.
class DialledStream final : public PeerStream {
 public:
  DialledStream(std::shared_ptr<grpc::Channel> channel, grpc::CompletionQueue* queue,
                const Security& security);
  void Cancel() override { context_.TryCancel(); }
  void Reject(const absl::Status& status) override { Cancel(); }

 private:
  void HalfClose() override;
  void ReadEnded() override;
  void Started(bool ok) override;
  void Finished(bool ok) override;
  void Done(bool ok) override {}

  std::shared_ptr<grpc::Channel> channel_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::Status grpc_status_;
};

// Waits for one call of the other side. Unless the method is Exchange and the cluster's token came
// with it, the call is refused.
class AcceptedStream final : public PeerStream {
 public:
  // `security` must outlive the stream.
  AcceptedStream(grpc::AsyncGenericService* service, grpc::ServerCompletionQueue* queue,
                 const Security* security);
  void Cancel() override;
  void Reject(const absl::Status& status) override;

 private:
  void HalfClose() override;
  void ReadEnded() override;
  void Started(bool ok) override;
  void Finished(bool ok) override {}
  void Done(bool ok) override;

  const Security* const security_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter call_;
  bool started_ = false;
  bool finished_ = false;
};

}  // namespace edgetp
