#include "server/cluster_service.h"

#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/rpc/status.h"
#include "server/sink.h"
#include "server/write_queue.h"

namespace edgetp {
namespace {

// One worker's stream. gRPC, the loop and the dispatcher share it; it holds itself until gRPC is
// done with it.
class JoinStream final : public grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage>,
                         public Sink<v1::ServerMessage>,
                         public std::enable_shared_from_this<JoinStream> {
 public:
  explicit JoinStream(const ClusterServiceOptions& options) : options_(options), writes_(this) {}

  void Begin() {
    self_ = shared_from_this();
    StartRead(&incoming_);
  }

  void Send(const v1::ServerMessage& message) override { writes_.Send(message); }
  void Close(const absl::Status& status) override { writes_.Close(ToGrpc(status)); }

  void OnReadDone(bool ok) override {
    const auto stream = shared_from_this();
    if (!ok) {
      options_.loop->Post([stream] { stream->HandleClosed(); });
      return writes_.Close(grpc::Status::OK);
    }
    const auto message = std::make_shared<v1::WorkerMessage>(std::move(incoming_));
    options_.loop->Post([stream, message] { stream->Handle(*message); });
    incoming_.Clear();
    StartRead(&incoming_);
  }
  void OnWriteDone(bool ok) override { writes_.OnWriteDone(ok); }
  void OnDone() override { self_.reset(); }

 private:
  // The rest runs on the loop.
  void Handle(const v1::WorkerMessage& message) {
    if (refused_) return;
    if (!worker_.empty()) return options_.dispatcher->OnMessage(worker_, message);
    absl::StatusOr<std::string> id =
        absl::InvalidArgumentError("join: the first message is not `join`");
    if (message.has_join()) id = options_.dispatcher->Join(shared_from_this(), message.join());
    refused_ = !id.ok();
    if (refused_) return Close(id.status());
    worker_ = *id;
  }

  void HandleClosed() {
    if (!worker_.empty()) options_.dispatcher->OnClosed(worker_);
  }

  const ClusterServiceOptions options_;
  WriteQueue<JoinStream, v1::ServerMessage> writes_;
  v1::WorkerMessage incoming_;
  std::shared_ptr<JoinStream> self_;
  std::string worker_;    // of the loop
  bool refused_ = false;  // of the loop
};

absl::Time ToTime(int64_t monotonic_ns) {
  return absl::UnixEpoch() + absl::Nanoseconds(monotonic_ns);
}

// Answers at once, without the loop: every message of an emulated Wi-Fi cell waits for this.
class MediumStream final : public grpc::ServerBidiReactor<v1::MediumRequest, v1::MediumGrant> {
 public:
  explicit MediumStream(const ClusterServiceOptions& options) : options_(options), writes_(this) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return writes_.Close(grpc::Status::OK);
    const absl::StatusOr<v1::MediumGrant> grant = Answer();
    if (!grant.ok()) return writes_.Close(ToGrpc(grant.status()));
    writes_.Send(*grant);
    StartRead(&request_);
  }
  void OnWriteDone(bool ok) override { writes_.OnWriteDone(ok); }
  void OnDone() override { delete this; }

 private:
  absl::StatusOr<v1::MediumGrant> Answer() {
    if (!std::isfinite(request_.airtime_ns()) || request_.airtime_ns() < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("reserve medium: airtime_ns must be finite and not negative (got ",
                       request_.airtime_ns(), ")"));
    }
    // From the worker's clock, if that is not everybody's, to this one and back.
    const absl::Duration shift =
        request_.has_sent_ns() ? MonotonicNow() - ToTime(request_.sent_ns()) : absl::ZeroDuration();
    const absl::Time handover = ToTime(request_.handover_ns()) + shift;
    const absl::Duration airtime = absl::Nanoseconds(request_.airtime_ns());
    const absl::StatusOr<absl::Time> start =
        options_.active_run->Grant(request_.job(), handover, airtime);
    if (!start.ok()) return start.status();
    options_.metrics->MediumGrant(request_.job(), absl::ToDoubleSeconds(airtime),
                                  absl::ToDoubleSeconds(*start - handover));
    v1::MediumGrant grant;
    grant.set_start_ns(absl::ToInt64Nanoseconds(*start - shift - absl::UnixEpoch()));
    return grant;
  }

  const ClusterServiceOptions options_;
  WriteQueue<MediumStream, v1::MediumGrant> writes_;
  v1::MediumRequest request_;
};

}  // namespace

grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage>* ClusterService::Join(
    grpc::CallbackServerContext*) {
  const auto stream = std::make_shared<JoinStream>(options_);
  stream->Begin();
  return stream.get();
}

grpc::ServerBidiReactor<v1::MediumRequest, v1::MediumGrant>* ClusterService::ReserveMedium(
    grpc::CallbackServerContext*) {
  return new MediumStream(options_);  // deletes itself
}

}  // namespace edgetp
