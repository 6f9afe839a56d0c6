#include "worker/transport/peer_stream.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

absl::Status ToAbsl(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

}  // namespace

void PeerStream::Operation::Complete(bool ok) {
  --stream_->outstanding_;
  if (!stream_->abandoned_) (stream_->*handler_)(ok);
}

void* PeerStream::Operation::Start() {
  ++stream_->outstanding_;
  return static_cast<CompletionTag*>(this);
}

void PeerStream::Opened(grpc::internal::AsyncReaderInterface<grpc::ByteBuffer>* reader,
                        grpc::internal::AsyncWriterInterface<grpc::ByteBuffer>* writer) {
  reader_ = reader;
  writer_ = writer;
  state_ = State::kOpen;
  ReadMore();
}

void PeerStream::End(bool failed, const absl::Status& status) {
  // An orderly end of reading may still turn out to be a lost connection; the first failure stays.
  if (state_ == State::kEnded && (failed_ || !failed)) return;
  state_ = State::kEnded;
  failed_ = failed;
  status_ = status;
}

grpc::ByteBuffer PeerStream::TakeMessage() {
  grpc::ByteBuffer message = BorrowMessage();
  Release(static_cast<int64_t>(message.Length()));
  return message;
}

grpc::ByteBuffer PeerStream::BorrowMessage() {
  grpc::ByteBuffer message;
  message.Swap(&queue_.front());
  queue_.pop_front();
  ++borrowed_;
  stranger_ = false;
  return message;
}

void PeerStream::Release(int64_t bytes) {
  queued_bytes_ -= bytes;
  --borrowed_;
  ReadMore();
}

void PeerStream::ReadMore() {
  const size_t max_messages = stranger_ ? 1 : kMaxQueuedMessages;
  const bool room = queued_bytes_ < kMaxQueuedBytes && queue_.size() + borrowed_ < max_messages;
  if (reading_ || read_ended_ || state_ != State::kOpen || !room) return;
  reading_ = true;
  reader_->Read(&incoming_, read_.Start());
}

void PeerStream::OnRead(bool ok) {
  reading_ = false;
  if (!ok) {
    read_ended_ = true;
    ReadEnded();
    return;
  }
  if (stranger_ && incoming_.Length() > kMaxFirstBytes) {
    const absl::Status refusal = absl::InvalidArgumentError(
        absl::StrCat("peer message: hello too large (bytes=", incoming_.Length(),
                     " limit=", kMaxFirstBytes, ")"));
    incoming_.Clear();
    Reject(refusal);
    return;
  }
  queued_bytes_ += static_cast<int64_t>(incoming_.Length());
  queue_.emplace_back();
  queue_.back().Swap(&incoming_);
  ReadMore();
}

void PeerStream::Write(const grpc::ByteBuffer& message) {
  writing_ = true;
  // Write-through: the completion, which wakes the poller, then comes after the payload has been
  // released.
  writer_->Write(message, grpc::WriteOptions().set_write_through(), write_.Start());
}

void PeerStream::OnWrite(bool ok) {
  writing_ = false;
  if (ok && closing_ && !half_closed_) {
    half_closed_ = true;
    HalfClose();
  }
}

void PeerStream::Close() {
  if (state_ == State::kStarting) {
    Cancel();
    return;
  }
  closing_ = true;
  if (!writing_ && !half_closed_) {
    half_closed_ = true;
    HalfClose();
  }
}

DialledStream::DialledStream(std::shared_ptr<grpc::Channel> channel, grpc::CompletionQueue* queue,
                             const Security& security)
    : PeerStream(/*stranger=*/false), channel_(std::move(channel)) {
  // A call that waited for its peer would not say why it does: the group dials again instead.
  if (!security.token().empty()) context_.AddMetadata(kTokenKey, security.token());
  call_ = grpc::GenericStub(channel_).PrepareCall(&context_, kExchangeMethod, queue);
  call_->StartCall(start_.Start());
}

void DialledStream::Started(bool ok) {
  if (ok) {
    Opened(call_.get(), call_.get());
  } else {
    call_->Finish(&grpc_status_, finish_.Start());
  }
}

void DialledStream::HalfClose() {
  if (state() != State::kEnded) call_->WritesDone(done_.Start());
}

void DialledStream::ReadEnded() { call_->Finish(&grpc_status_, finish_.Start()); }

void DialledStream::Finished(bool ok) { End(!grpc_status_.ok(), ToAbsl(grpc_status_)); }

AcceptedStream::AcceptedStream(grpc::AsyncGenericService* service,
                               grpc::ServerCompletionQueue* queue, const Security* security)
    : PeerStream(/*stranger=*/true), security_(security), call_(&context_) {
  context_.AsyncNotifyWhenDone(done_.Start());
  service->RequestCall(&context_, &call_, queue, queue, start_.Start());
}

void AcceptedStream::Started(bool ok) {
  if (!ok) {
    // The server is shutting down; gRPC does not deliver the done tag of a call that never was.
    done_.Complete(false);
    return;
  }
  started_ = true;
  if (context_.method() != kExchangeMethod)
    return Reject(absl::UnimplementedError(absl::StrCat("peer: no method ", context_.method())));
  if (const absl::Status admitted = security_->Admit(context_.client_metadata()); !admitted.ok())
    return Reject(admitted);
  Opened(&call_, &call_);
}

void AcceptedStream::HalfClose() {
  if (finished_) return;
  finished_ = true;
  call_.Finish(grpc::Status::OK, finish_.Start());
}

// Whether the peer closed in order or vanished is known when Done tells.
void AcceptedStream::ReadEnded() { End(false, absl::OkStatus()); }

void AcceptedStream::Cancel() {
  if (started_) context_.TryCancel();
}

void AcceptedStream::Reject(const absl::Status& status) {
  if (started_ && !finished_) {
    finished_ = true;
    call_.Finish(ToGrpc(status), finish_.Start());
  }
  End(true, status);
}

void AcceptedStream::Done(bool ok) {
  const bool vanished = !started_ || (!finished_ && context_.IsCancelled());
  End(vanished, vanished ? absl::UnavailableError("the connection was lost") : absl::OkStatus());
}

}  // namespace edgetp
