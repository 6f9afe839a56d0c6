// gRPC's reactors take one write at a time and one Finish at the end; this puts a queue before
// them. Thread-safe.
#pragma once

#include <grpcpp/support/status.h>

#include <deque>
#include <mutex>
#include <utility>

namespace edgetp {

// `Reactor` has StartWrite(const Message*) and Finish(grpc::Status); it calls OnWriteDone from its
// reaction.
template <typename Reactor, typename Message>
class WriteQueue {
 public:
  explicit WriteQueue(Reactor* reactor) : reactor_(reactor) {}

  void Send(const Message& message) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (closed_) return;
      messages_.push_back(message);
      if (std::exchange(writing_, true)) return;
    }
    reactor_->StartWrite(&messages_.front());
  }

  // The first status wins.
  void Close(const grpc::Status& status) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (std::exchange(closed_, true)) return;
      status_ = status;
      if (writing_) return;
    }
    reactor_->Finish(status);
  }

  void OnWriteDone(bool ok) {
    bool more = false;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      messages_.pop_front();
      // A broken stream takes no more; it is finished by whoever closes it.
      if (!ok) messages_.clear();
      more = !messages_.empty();
      writing_ = more;
      if (!more && !closed_) return;
    }
    if (more) return reactor_->StartWrite(&messages_.front());
    reactor_->Finish(status_);
  }

 private:
  Reactor* const reactor_;
  std::mutex mutex_;
  std::deque<Message>
      messages_;  // the first one is being written while writing_; a deque keeps its address
  bool writing_ = false;
  bool closed_ = false;
  grpc::Status status_;
};

}  // namespace edgetp
