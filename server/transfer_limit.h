// Bounds what a call of the service Blobs may take. One for each call.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <mutex>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/rpc/deadline.h"

namespace edgetp {

// Cancels a call that takes too long: reads and writes of a synchronous service wait for ever.
class TransferLimit {
 public:
  TransferLimit(grpc::ServerContext* context, absl::Duration limit)
      : call_(std::make_shared<Call>(context)) {
    alarm_.Set(GrpcDeadline(MonotonicNow() + limit), [call = call_](bool expired) {
      const std::lock_guard<std::mutex> lock(call->mutex);
      if (!expired || call->context == nullptr) return;
      call->cut_off = true;
      call->context->TryCancel();
    });
  }
  // The alarm may be about to ring: from here on it finds nothing to cancel.
  ~TransferLimit() {
    const std::lock_guard<std::mutex> lock(call_->mutex);
    call_->context = nullptr;
  }

  bool cut_off() const {
    const std::lock_guard<std::mutex> lock(call_->mutex);
    return call_->cut_off;
  }

 private:
  struct Call {
    explicit Call(grpc::ServerContext* context) : context(context) {}
    std::mutex mutex;
    grpc::ServerContext* context;
    bool cut_off = false;
  };

  std::shared_ptr<Call> call_;
  grpc::Alarm alarm_;
};

}  // namespace edgetp
