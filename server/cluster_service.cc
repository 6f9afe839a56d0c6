#include "server/cluster_service.h"

#include <spdlog/spdlog.h>

#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/job_id.h"
#include "common/base/status_macros.h"
#include "common/network/topology.h"
#include "common/rpc/status.h"
#include "server/sink.h"
#include "server/write_queue.h"

namespace edgetp {
namespace {

// Messages that wait for a worker, or grants for one: a stopped process is noticed long before.
constexpr size_t kMaxQueued = 1024;

// An hour: no message takes as long, and nobody asks so long before it sends. What was granted once
// keeps all others waiting.
constexpr double kMaxAirtimeNs = 3.6e12;
// Of one topology, and of one way through it (common/network/topology.h).
constexpr int kMaxTrunks = 2 * kMaxTopologyLinks;
constexpr size_t kMaxPassages = kMaxSwitches + 1;

// One worker's stream. gRPC, the loop and the dispatcher share it; it holds itself until gRPC is
// done with it.
class JoinStream final : public grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage>,
                         public Sink<v1::ServerMessage>,
                         public std::enable_shared_from_this<JoinStream> {
 public:
  JoinStream(const ClusterServiceOptions& options, grpc::CallbackServerContext* context)
      : options_(options), writes_(this, kMaxQueued, [context] { context->TryCancel(); }) {}

  void Begin(const absl::Status& admitted) {
    self_ = shared_from_this();
    if (!admitted.ok()) return Close(admitted);
    const auto stream = self_;
    options_.loop->Post([stream] { stream->options_.dispatcher->ExpectJoin(stream); });
    StartRead(&incoming_);
  }

  void Send(std::shared_ptr<const v1::ServerMessage> message) override {
    writes_.Send(std::move(message));
  }
  void Close(const absl::Status& status) override { writes_.Close(ToGrpc(status)); }
  bool closed() const override { return writes_.closed(); }

  void OnReadDone(bool ok) override {
    const auto stream = shared_from_this();
    if (!ok) {
      options_.loop->Post([stream] { stream->HandleClosed(); });
      return writes_.Close(grpc::Status::OK);
    }
    options_.loop->Post([stream] { stream->Handle(); });
  }
  void OnWriteDone(bool ok) override { writes_.OnWriteDone(ok); }
  void OnDone() override { self_.reset(); }

 private:
  // The rest runs on the loop.
  void Handle() {
    if (worker_.empty()) return BeginJoin();
    options_.dispatcher->OnMessage(worker_, incoming_);
    ReadOn();
  }

  // The next message is read when this one has been handled: a flood waits in its connection.
  void ReadOn() {
    if (closed()) return;
    incoming_.Clear();
    StartRead(&incoming_);
  }

  void BeginJoin() {
    if (!incoming_.has_join())
      return Close(absl::InvalidArgumentError("join: the first message is not `join`"));
    if (const absl::Status good = options_.dispatcher->CheckJoin(incoming_.join()); !good.ok())
      return Close(good);
    const auto stream = shared_from_this();
    options_.dial_back->Check(
        incoming_.join().member().peer_address(), [stream](const absl::Status& reached) {
          stream->options_.loop->Post([stream, reached] { stream->EndJoin(reached); });
        });
  }

  void EndJoin(const absl::Status& reached) {
    if (closed()) return;
    if (!reached.ok()) {
      spdlog::warn("refused {}: {}", incoming_.join().member().peer_address(),
                   std::string(reached.message()));
      return Close(Annotate(
          reached, "join: the server cannot reach the address that this worker advertises"));
    }
    const auto id = options_.dispatcher->Join(shared_from_this(), incoming_.join());
    if (!id.ok()) return Close(id.status());
    worker_ = *id;
    ReadOn();
  }

  void HandleClosed() {
    if (!worker_.empty()) options_.dispatcher->OnClosed(worker_);
  }

  const ClusterServiceOptions options_;
  WriteQueue<JoinStream, v1::ServerMessage> writes_;
  v1::WorkerMessage incoming_;
  std::shared_ptr<JoinStream> self_;
  std::string worker_;  // of the loop
};

absl::Time ToTime(int64_t monotonic_ns) {
  return absl::UnixEpoch() + absl::Nanoseconds(monotonic_ns);
}

// Answers at once, without the loop: every message of an emulated Wi-Fi cell waits for this.
class MediumStream final : public grpc::ServerBidiReactor<v1::MediumRequest, v1::MediumGrant> {
 public:
  MediumStream(const ClusterServiceOptions& options, grpc::CallbackServerContext* context)
      : options_(options), writes_(this, kMaxQueued, [context] { context->TryCancel(); }) {
    const absl::Status admitted = options_.security->Admit(context->client_metadata());
    if (admitted.ok()) {
      StartRead(&request_);
    } else {
      writes_.Close(ToGrpc(admitted));
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) return writes_.Close(grpc::Status::OK);
    const absl::StatusOr<v1::MediumGrant> grant = Answer();
    if (!grant.ok()) return writes_.Close(ToGrpc(grant.status()));
    writes_.Send(std::make_shared<v1::MediumGrant>(*grant));
    StartRead(&request_);
  }
  void OnWriteDone(bool ok) override { writes_.OnWriteDone(ok); }
  void OnDone() override { delete this; }

 private:
  absl::StatusOr<v1::MediumGrant> Answer() {
    RETURN_IF_ERROR(CheckSpan("airtime_ns", request_.airtime_ns()));
    // From the worker's clock, if that is not everybody's, to this one and back.
    const absl::Duration shift =
        request_.has_sent_ns() ? MonotonicNow() - ToTime(request_.sent_ns()) : absl::ZeroDuration();
    const absl::Time handover = ToTime(request_.handover_ns()) + shift;
    if (handover > MonotonicNow() + absl::Nanoseconds(kMaxAirtimeNs)) {
      return absl::InvalidArgumentError(
          absl::StrCat("reserve medium: handover_ns is more than an hour ahead (got ",
                       request_.handover_ns(), ")"));
    }
    ASSIGN_OR_RETURN(const absl::Time start,
                     request_.passages().empty() ? Reserve(handover) : Pass(handover));
    v1::MediumGrant grant;
    grant.set_start_ns(absl::ToInt64Nanoseconds(start - shift - absl::UnixEpoch()));
    return grant;
  }

  static absl::Status CheckSpan(const char* field, double ns) {
    if (ns >= 0 && ns <= kMaxAirtimeNs) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("reserve medium: ", field, " must be in [0, ",
                                                   kMaxAirtimeNs, "] (got ", ns, ")"));
  }

  absl::StatusOr<absl::Time> Reserve(absl::Time handover) {
    const absl::Duration airtime = absl::Nanoseconds(request_.airtime_ns());
    ASSIGN_OR_RETURN(const absl::Time start,
                     options_.active_run->Grant(request_.job(), handover, airtime));
    options_.metrics->MediumGrant(RunOfJob(request_.job()), absl::ToDoubleSeconds(airtime),
                                  absl::ToDoubleSeconds(start - handover));
    return start;
  }

  absl::StatusOr<absl::Time> Pass(absl::Time start) {
    std::vector<TrunkPassage> passages;
    for (const v1::TrunkPassage& asked : request_.passages()) {
      RETURN_IF_ERROR(CheckSpan("passages.offset_ns", asked.offset_ns()));
      RETURN_IF_ERROR(CheckSpan("passages.airtime_ns", asked.airtime_ns()));
      if (asked.trunk() < 0 || asked.trunk() >= kMaxTrunks || passages.size() >= kMaxPassages) {
        return absl::InvalidArgumentError(absl::StrCat(
            "reserve medium: passages must be at most ", kMaxPassages, ", of trunks below ",
            kMaxTrunks, " (got ", request_.passages_size(), ", trunk ", asked.trunk(), ")"));
      }
      passages.push_back({asked.trunk(), absl::Nanoseconds(asked.offset_ns()),
                          absl::Nanoseconds(asked.airtime_ns())});
    }
    ASSIGN_OR_RETURN(const absl::Duration waits,
                     options_.active_run->Pass(
                         request_.job(), start, absl::Nanoseconds(request_.airtime_ns()), passages));
    return start + waits;
  }

  const ClusterServiceOptions options_;
  WriteQueue<MediumStream, v1::MediumGrant> writes_;
  v1::MediumRequest request_;
};

}  // namespace

grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage>* ClusterService::Join(
    grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<JoinStream>(options_, context);
  stream->Begin(options_.security->Admit(context->client_metadata()));
  return stream.get();
}

grpc::ServerBidiReactor<v1::MediumRequest, v1::MediumGrant>* ClusterService::ReserveMedium(
    grpc::CallbackServerContext* context) {
  return new MediumStream(options_, context);  // deletes itself
}

}  // namespace edgetp
