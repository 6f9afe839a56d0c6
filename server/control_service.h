// Adapter of service Control: every call that is admitted becomes a closure on the loop. Handlers
// never block.
#pragma once

#include <functional>

#include "common/rpc/security.h"
#include "edgetp/v1/control.grpc.pb.h"
#include "server/dispatcher.h"
#include "server/loop.h"

namespace edgetp {

// What GetStatus says of the server itself.
struct ServerFacts {
  std::string address;
  std::string metrics_address;
  std::string page_address;  // empty: there is no page
  absl::Time started;  // MonotonicNow()
};

class ControlService final : public v1::Control::CallbackService {
 public:
  // The pointers must outlive the service and its calls.
  ControlService(Loop* loop, Dispatcher* dispatcher, const Security* security)
      : loop_(loop), dispatcher_(dispatcher), security_(security) {}

  // Once the ports are known, before anybody can ask.
  void SetFacts(ServerFacts facts) { facts_ = std::move(facts); }

  // What GetStatus answers. On the loop.
  void FillStatus(v1::StatusResponse* response) const;

  grpc::ServerUnaryReactor* Submit(grpc::CallbackServerContext* context,
                                   const v1::SubmitRequest* request,
                                   v1::SubmitResponse* response) override;
  grpc::ServerWriteReactor<v1::RunEvent>* Watch(grpc::CallbackServerContext* context,
                                                const v1::WatchRequest* request) override;
  grpc::ServerUnaryReactor* Stop(grpc::CallbackServerContext* context,
                                 const v1::StopRequest* request,
                                 v1::StopResponse* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::StatusRequest* request,
                                      v1::StatusResponse* response) override;
  grpc::ServerUnaryReactor* GetNetwork(grpc::CallbackServerContext* context,
                                       const v1::GetNetworkRequest* request,
                                       v1::NetworkProfile* response) override;
  grpc::ServerUnaryReactor* SetNetwork(grpc::CallbackServerContext* context,
                                       const v1::SetNetworkRequest* request,
                                       v1::NetworkProfile* response) override;

 private:
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                   std::function<absl::Status()> work);

  Loop* const loop_;
  Dispatcher* const dispatcher_;
  const Security* const security_;
  ServerFacts facts_;
};

}  // namespace edgetp
