// Passes everything on to another transport: what tests that change one thing build on.
#pragma once

#include <memory>
#include <utility>

#include "worker/transport/segment_transport.h"

namespace edgetp {

class ForwardingTransport : public SegmentTransport {
 public:
  explicit ForwardingTransport(std::unique_ptr<SegmentTransport> inner)
      : inner_(std::move(inner)) {}

  int rank() const override { return inner_->rank(); }
  int world_size() const override { return inner_->world_size(); }
  bool one_clock() const override { return inner_->one_clock(); }
  bool SharesClock(int peer) const override { return inner_->SharesClock(peer); }
  bool CanSend(int peer) const override { return inner_->CanSend(peer); }
  absl::Status Send(int peer, const SegmentHeader& header,
                    absl::Span<const std::byte> payload) override {
    return inner_->Send(peer, header, payload);
  }
  uint64_t Released(int peer) const override { return inner_->Released(peer); }
  const ReceivedSegment* Front(int peer) const override { return inner_->Front(peer); }
  const ReceivedSegment* Queued(int peer, size_t index) const override {
    return inner_->Queued(peer, index);
  }
  void Pop(int peer) override { inner_->Pop(peer); }
  absl::Status SendProbe(int peer, const ClockProbe& probe) override {
    return inner_->SendProbe(peer, probe);
  }
  std::optional<ReceivedProbe> TakeProbe(int peer) override { return inner_->TakeProbe(peer); }
  absl::Status Poll(absl::Time until) override { return inner_->Poll(until); }
  bool Closed(int peer) const override { return inner_->Closed(peer); }
  void Abort(const absl::Status& status) override { inner_->Abort(status); }

 private:
  std::unique_ptr<SegmentTransport> inner_;
};

// Passes everything on, but fails one send.
class FailingTransport final : public ForwardingTransport {
 public:
  FailingTransport(std::unique_ptr<SegmentTransport> inner, int failing_send)
      : ForwardingTransport(std::move(inner)), sends_left_(failing_send) {}

  absl::Status Send(int peer, const SegmentHeader& header,
                    absl::Span<const std::byte> payload) override {
    if (sends_left_-- == 0) return absl::UnavailableError("injected");
    return ForwardingTransport::Send(peer, header, payload);
  }

 private:
  int sends_left_;
};

}  // namespace edgetp
