#include "server/server.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/config/load.h"
#include "common/http/http_server.h"
#include "common/metrics/metrics.h"
#include "common/metrics/server_metrics.h"
#include "common/rpc/deadline.h"
#include "common/rpc/server_limits.h"
#include "server/active_run.h"
#include "server/blob_store.h"
#include "server/blobs_service.h"
#include "server/cluster_service.h"
#include "server/control_service.h"
#include "server/dial_back.h"
#include "server/dispatcher.h"
#include "server/loop.h"
#include "server/page/live_page.h"
#include "server/predictor.h"

namespace edgetp {
namespace {

// An event of a network's timeline comes at most this late, on a host that is not overloaded; a
// tick costs microseconds.
constexpr absl::Duration kTick = absl::Milliseconds(25);

// What a stream gets to drain before it is cut.
constexpr absl::Duration kDrain = absl::Milliseconds(1500);

}  // namespace

// In the order of construction; the loop goes before the dispatcher that it calls, and both after
// the threads that post to it.
struct Server::Parts {
  explicit Parts(const ServerOptions& options)
      : security(options.security),
        metrics(&metric_set),
        blobs(options.runs, options.blob_limit_bytes),
        dispatcher(options.coordinator, options.runs, &blobs, &active_run, &metrics, &predictor),
        loop(kTick, [this] { dispatcher.Tick(); }),
        predictor(options.prediction_limit,
                  [this](EndedRun ended, Prediction prediction) {
                    loop.Post([this, ended = std::move(ended), prediction = std::move(prediction)] {
                      dispatcher.Conclude(ended, prediction);
                    });
                  }),
        dial_back(options.dial_back_limit),
        cluster_service({&loop, &dispatcher, &active_run, &metrics, &security, &dial_back}),
        control_service(&loop, &dispatcher, &security),
        blobs_service({&blobs, &active_run, &security, options.transfer_limit}) {}

  const Security security;
  MetricSet metric_set;
  ServerMetrics metrics;
  ActiveRun active_run;
  BlobStore blobs;
  Dispatcher dispatcher;
  Loop loop;
  Predictor predictor;
  DialBack dial_back;
  ClusterService cluster_service;
  ControlService control_service;
  BlobsService blobs_service;
  std::unique_ptr<MetricsEndpoint> endpoint;
  std::unique_ptr<LivePage> page;
  std::unique_ptr<HttpServer> page_server;  // its threads use all of the above
  std::unique_ptr<grpc::Server> grpc_server;
  std::string address;

  absl::Status Listen(const ServerOptions& options);
  absl::Status ListenForBrowsers(const ServerOptions& options);
  // What the page asks, on its threads.
  ClusterPicture Picture();
  absl::StatusOr<v1::NetworkProfile> SetNetwork(const v1::SetNetworkRequest& request);
};

ClusterPicture Server::Parts::Picture() {
  ClusterPicture picture;
  loop.Run([&] {
    control_service.FillStatus(&picture.status);
    picture.network = dispatcher.network();
  });
  return picture;
}

absl::StatusOr<v1::NetworkProfile> Server::Parts::SetNetwork(const v1::SetNetworkRequest& request) {
  absl::StatusOr<v1::NetworkProfile> network =
      absl::UnavailableError("network: the server is shutting down");
  loop.Run([&] {
    const absl::Status status = dispatcher.SetNetwork(request);
    network = status.ok() ? absl::StatusOr<v1::NetworkProfile>(dispatcher.network())
                          : absl::StatusOr<v1::NetworkProfile>(status);
  });
  return network;
}

absl::Status Server::Parts::ListenForBrowsers(const ServerOptions& options) {
  if (options.page == kNoPage) return absl::OkStatus();
  RETURN_IF_ERROR(security.CheckPage(options.page));
  page = std::make_unique<LivePage>(
      PageOptions{.hosts = options.page_hosts,
                  .allow_tuning = options.allow_tuning,
                  .security = security,
                  .runs = options.runs,
                  .library = ConfigLibrary::Default("")},
      PageSources{.picture = [this] { return Picture(); },
                  .set_network = [this](const auto& request) { return SetNetwork(request); }});
  absl::StatusOr<std::unique_ptr<HttpServer>> listening = HttpServer::Create(
      options.page, [this](const HttpRequest& request) { return page->Answer(request); });
  RETURN_IF_ERROR(Annotate(listening.status(), "--page"));
  page_server = *std::move(listening);
  return absl::OkStatus();
}

absl::Status Server::Parts::Listen(const ServerOptions& options) {
  RETURN_IF_ERROR(security.CheckListen("--listen", options.listen));
  RETURN_IF_ERROR(security.CheckMetrics(options.metrics));
  absl::StatusOr<std::unique_ptr<MetricsEndpoint>> metrics_endpoint =
      MetricsEndpoint::Create(options.metrics, metric_set);
  RETURN_IF_ERROR(Annotate(metrics_endpoint.status(), "--metrics"));
  endpoint = *std::move(metrics_endpoint);
  RETURN_IF_ERROR(ListenForBrowsers(options));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int port = 0;
  LimitConnections(&builder);
  // Clients and workers ping every second to notice a server that was stopped or cut off
  // (common/rpc/channel.cc).
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 500);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  builder.AddListeningPort(options.listen, security.server_credentials(), &port);
  builder.RegisterService(&cluster_service);
  builder.RegisterService(&control_service);
  builder.RegisterService(&blobs_service);
  // Only Blobs is synchronous: one queue and few pollers are enough.
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 2);
  // An upload or download holds a thread for as long as it takes.
  builder.SetResourceQuota(
      grpc::ResourceQuota("edgetp_server").SetMaxThreads(options.max_transfers));
  grpc_server = builder.BuildAndStart();
  if (grpc_server == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("--listen: cannot listen on ", options.listen,
                     ": the port is in use or the address is not this host's"));
  }
  address = absl::StrCat(options.listen.substr(0, options.listen.rfind(':')), ":", port);
  loop.Run([this] {
    control_service.SetFacts(
        ServerFacts{.address = address,
                    .metrics_address = endpoint->address(),
                    .page_address = page_server == nullptr ? "" : page_server->address(),
                    .started = MonotonicNow()});
  });
  return absl::OkStatus();
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() { Shutdown(absl::UnavailableError("the server is shutting down")); }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options) {
  auto parts = std::make_unique<Parts>(options);
  RETURN_IF_ERROR(parts->Listen(options));
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

const std::string& Server::address() const { return parts_->address; }

const std::string& Server::metrics_address() const { return parts_->endpoint->address(); }

std::string Server::page_address() const {
  return parts_->page_server == nullptr ? "" : parts_->page_server->address();
}

void Server::Shutdown(const absl::Status& reason) {
  if (parts_->grpc_server == nullptr) return;
  parts_->page_server.reset();
  parts_->loop.Run([&] { parts_->dispatcher.Shutdown(reason); });
  parts_->predictor.Stop();  // runs that it still has end with what it knows
  parts_->dial_back.Stop();
  parts_->grpc_server->Shutdown(GrpcDeadline(MonotonicNow() + kDrain));
  parts_->loop.Stop();
  parts_->grpc_server.reset();
}

}  // namespace edgetp
