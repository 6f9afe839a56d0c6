// gRPC's reactors take one write at a time and one Finish at the end; this puts a queue before
// them, of bounded length: whoever does not read is cut off. Thread-safe.
#pragma once

#include <grpcpp/support/status.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace edgetp {

// `Reactor` has StartWrite(const Message*) and Finish(grpc::Status); it calls OnWriteDone from its
// reaction.
template <typename Reactor, typename Message>
class WriteQueue {
 public:
  // At most `limit` messages wait, then `cancel` must end the call: the write that is under way
  // would not.
  WriteQueue(Reactor* reactor, size_t limit, std::function<void()> cancel)
      : reactor_(reactor), limit_(limit), cancel_(std::move(cancel)) {}

  void Send(std::shared_ptr<const Message> message) {
    const Message* first = nullptr;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (closed_) return;
      if (messages_.size() < limit_) {
        messages_.push_back(std::move(message));
        if (std::exchange(writing_, true)) return;
        first = messages_.front().get();
      } else {
        messages_.resize(1);
        closed_ = cancelling_ = true;
        status_ = grpc::Status(
            grpc::StatusCode::RESOURCE_EXHAUSTED,
            "the reader is too slow: " + std::to_string(limit_) + " messages wait for it");
      }
    }
    if (first == nullptr) return CutOff();
    reactor_->StartWrite(first);
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

  bool closed() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return closed_;
  }

  void OnWriteDone(bool ok) {
    const Message* next = nullptr;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      messages_.pop_front();
      // A broken stream takes no more; it is finished by whoever closes it.
      if (!ok) messages_.clear();
      writing_ = !messages_.empty();
      if (writing_) next = messages_.front().get();
      if (!writing_ && (!closed_ || cancelling_)) return;
    }
    if (next != nullptr) return reactor_->StartWrite(next);
    reactor_->Finish(status_);
  }

 private:
  // Finish may end the call and all that `cancel` needs: it waits until that has returned.
  void CutOff() {
    cancel_();
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      cancelling_ = false;
      if (writing_) return;
    }
    reactor_->Finish(status_);
  }

  Reactor* const reactor_;
  const size_t limit_;
  const std::function<void()> cancel_;
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<const Message>> messages_;  // the first is being written
  bool writing_ = false;
  bool closed_ = false;
  bool cancelling_ = false;
  grpc::Status status_;
};

}  // namespace edgetp
