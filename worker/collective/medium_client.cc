#include "worker/collective/medium_client.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/rpc/status.h"

namespace edgetp {

MediumClient::MediumClient(const std::shared_ptr<grpc::Channel>& channel, std::string job,
                           bool one_clock)
    : job_(std::move(job)), one_clock_(one_clock), stub_(v1::Cluster::NewStub(channel)) {}

MediumClient::~MediumClient() {
  if (stream_ == nullptr || !failed_.ok()) return;
  context_.TryCancel();
  stream_->Finish();  // cancelled by ourselves: nothing to report
}

absl::StatusOr<absl::Time> MediumClient::Reserve(absl::Time handover, absl::Duration airtime) {
  v1::MediumRequest request;
  request.set_handover_ns(absl::ToUnixNanos(handover));
  request.set_airtime_ns(absl::ToDoubleNanoseconds(airtime));
  return Ask(std::move(request));
}

absl::StatusOr<absl::Duration> MediumClient::Pass(absl::Time start, absl::Duration span,
                                                  absl::Span<const TrunkPassage> passages) {
  v1::MediumRequest request;
  request.set_handover_ns(absl::ToUnixNanos(start));
  request.set_airtime_ns(absl::ToDoubleNanoseconds(span));
  for (const TrunkPassage& passage : passages) {
    v1::TrunkPassage* const asked = request.add_passages();
    asked->set_trunk(passage.trunk);
    asked->set_offset_ns(absl::ToDoubleNanoseconds(passage.offset));
    asked->set_airtime_ns(absl::ToDoubleNanoseconds(passage.airtime));
  }
  ASSIGN_OR_RETURN(const absl::Time granted, Ask(std::move(request)));
  // In whole nanoseconds, as the request was.
  return granted - absl::FromUnixNanos(absl::ToUnixNanos(start));
}

absl::StatusOr<absl::Time> MediumClient::Ask(v1::MediumRequest request) {
  RETURN_IF_ERROR(failed_);
  if (stream_ == nullptr) stream_ = stub_->ReserveMedium(&context_);
  request.set_job(job_);
  if (!one_clock_) request.set_sent_ns(absl::ToUnixNanos(MonotonicNow()));
  v1::MediumGrant grant;
  if (!stream_->Write(request) || !stream_->Read(&grant)) {
    absl::Status status = FromGrpc(stream_->Finish());
    if (status.ok()) status = absl::UnavailableError("the server ended the stream");
    failed_ = Annotate(status, "reserve medium");
    return failed_;
  }
  return absl::FromUnixNanos(grant.start_ns());
}

}  // namespace edgetp
