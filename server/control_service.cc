#include "server/control_service.h"

#include <memory>
#include <utility>

#include "common/base/clock.h"
#include "common/base/version.h"
#include "common/rpc/status.h"
#include "server/sink.h"
#include "server/write_queue.h"

namespace edgetp {
namespace {

const absl::Status& ShuttingDown() {
  static const absl::Status* const status =
      new absl::Status(absl::UnavailableError("the server is shutting down"));
  return *status;
}

// Events that wait for a watcher. All those of a run are sent at once to whoever comes late.
constexpr size_t kMaxQueuedEvents = kEventsKept + 10'000;

// One client that watches a run. gRPC and the run book share it; it holds itself until gRPC is done
// with it.
class WatchStream final : public grpc::ServerWriteReactor<v1::RunEvent>,
                          public Sink<v1::RunEvent>,
                          public std::enable_shared_from_this<WatchStream> {
 public:
  explicit WatchStream(grpc::CallbackServerContext* context)
      : writes_(this, kMaxQueuedEvents, [context] { context->TryCancel(); }) {}

  void Begin() { self_ = shared_from_this(); }

  void Send(std::shared_ptr<const v1::RunEvent> event) override { writes_.Send(std::move(event)); }
  void Close(const absl::Status& status) override { writes_.Close(ToGrpc(status)); }
  bool closed() const override { return writes_.closed(); }

  void OnWriteDone(bool ok) override { writes_.OnWriteDone(ok); }
  void OnCancel() override { writes_.Close(grpc::Status::CANCELLED); }
  void OnDone() override { self_.reset(); }

 private:
  WriteQueue<WatchStream, v1::RunEvent> writes_;
  std::shared_ptr<WatchStream> self_;
};

}  // namespace

grpc::ServerUnaryReactor* ControlService::Answer(grpc::CallbackServerContext* context,
                                                 std::function<absl::Status()> work) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  if (const absl::Status admitted = security_->Admit(context->client_metadata()); !admitted.ok()) {
    reactor->Finish(ToGrpc(admitted));
    return reactor;
  }
  const bool posted =
      loop_->Post([reactor, work = std::move(work)] { reactor->Finish(ToGrpc(work())); });
  if (!posted) reactor->Finish(ToGrpc(ShuttingDown()));
  return reactor;
}

grpc::ServerUnaryReactor* ControlService::Submit(grpc::CallbackServerContext* context,
                                                 const v1::SubmitRequest* request,
                                                 v1::SubmitResponse* response) {
  return Answer(context, [=, this] { return dispatcher_->Submit(request->spec(), response); });
}

grpc::ServerWriteReactor<v1::RunEvent>* ControlService::Watch(grpc::CallbackServerContext* context,
                                                              const v1::WatchRequest* request) {
  const auto stream = std::make_shared<WatchStream>(context);
  stream->Begin();
  if (const absl::Status admitted = security_->Admit(context->client_metadata()); !admitted.ok()) {
    stream->Close(admitted);
    return stream.get();
  }
  const bool posted = loop_->Post([this, stream, run = request->run()] {
    if (const absl::Status status = dispatcher_->Watch(run, stream); !status.ok())
      stream->Close(status);
  });
  if (!posted) stream->Close(ShuttingDown());
  return stream.get();
}

grpc::ServerUnaryReactor* ControlService::Stop(grpc::CallbackServerContext* context,
                                               const v1::StopRequest* request, v1::StopResponse*) {
  return Answer(context, [=, this] { return dispatcher_->Stop(request->run()); });
}

grpc::ServerUnaryReactor* ControlService::GetStatus(grpc::CallbackServerContext* context,
                                                    const v1::StatusRequest*,
                                                    v1::StatusResponse* response) {
  return Answer(context, [=, this] {
    FillStatus(response);
    return absl::OkStatus();
  });
}

void ControlService::FillStatus(v1::StatusResponse* response) const {
  response->set_version(kVersion);
  response->set_address(facts_.address);
  response->set_metrics_address(facts_.metrics_address);
  response->set_page_address(facts_.page_address);
  response->set_uptime_seconds(absl::ToDoubleSeconds(MonotonicNow() - facts_.started));
  dispatcher_->FillStatus(response);
}

grpc::ServerUnaryReactor* ControlService::GetNetwork(grpc::CallbackServerContext* context,
                                                     const v1::GetNetworkRequest*,
                                                     v1::NetworkProfile* response) {
  return Answer(context, [=, this] {
    *response = dispatcher_->network();
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* ControlService::SetNetwork(grpc::CallbackServerContext* context,
                                                     const v1::SetNetworkRequest* request,
                                                     v1::NetworkProfile* response) {
  return Answer(context, [=, this] {
    const absl::Status status = dispatcher_->SetNetwork(*request);
    if (status.ok()) *response = dispatcher_->network();
    return status;
  });
}

}  // namespace edgetp
