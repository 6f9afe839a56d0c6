// Reserves time on a shared medium or on trunks from the coordinator, over the job's ReserveMedium
// stream. Reserve and Pass are called by the job's thread; Cancel by any thread.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "edgetp/v1/cluster.grpc.pb.h"
#include "worker/collective/emulation.h"

namespace edgetp {

class MediumClient : public MediumReservation {
 public:
  // Unless the workers share `one_clock`, the coordinator answers on this worker's, with an error
  // of the time that the question takes.
  MediumClient(const std::shared_ptr<grpc::Channel>& channel, std::string job, bool one_clock);
  ~MediumClient() override;

  // Blocks until: the coordinator's grant, Cancel, or the loss of the connection (keepalive).
  // Errors: Unavailable or what the server says; Cancelled after Cancel.
  absl::StatusOr<absl::Time> Reserve(absl::Time handover, absl::Duration airtime) override;
  absl::StatusOr<absl::Duration> Pass(absl::Time start, absl::Duration span,
                                      absl::Span<const TrunkPassage> passages) override;

  void Cancel() { context_.TryCancel(); }

 private:
  // Fills in whose request it is and when it was sent.
  absl::StatusOr<absl::Time> Ask(v1::MediumRequest request);

  const std::string job_;
  const bool one_clock_;
  std::unique_ptr<v1::Cluster::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::MediumRequest, v1::MediumGrant>>
      stream_;           // opened by the first Reserve
  absl::Status failed_;  // of the stream: a failed one is not opened again
};

}  // namespace edgetp
