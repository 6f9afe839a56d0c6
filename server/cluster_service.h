// Adapter of service Cluster: streams in, closures on the loop out. Handlers never block.
#pragma once

#include <memory>

#include "common/metrics/server_metrics.h"
#include "common/rpc/security.h"
#include "edgetp/v1/cluster.grpc.pb.h"
#include "server/active_run.h"
#include "server/dial_back.h"
#include "server/dispatcher.h"
#include "server/loop.h"

namespace edgetp {

// The pointers must outlive the service and its streams.
struct ClusterServiceOptions {
  Loop* loop;
  Dispatcher* dispatcher;
  ActiveRun* active_run;
  ServerMetrics* metrics;
  const Security* security;
  DialBack* dial_back;
};

class ClusterService final : public v1::Cluster::CallbackService {
 public:
  explicit ClusterService(ClusterServiceOptions options) : options_(options) {}

  grpc::ServerBidiReactor<v1::WorkerMessage, v1::ServerMessage>* Join(
      grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<v1::MediumRequest, v1::MediumGrant>* ReserveMedium(
      grpc::CallbackServerContext* context) override;

 private:
  const ClusterServiceOptions options_;
};

}  // namespace edgetp
