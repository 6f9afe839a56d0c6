// The live page: the page of `edgetp report` over the runs of this server, what the cluster does,
// and, where it is allowed, a form that changes the network. docs/live.md is for its users,
// docs/security.md says what it promises. Thread-safe.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/load.h"
#include "common/http/http_server.h"
#include "common/rpc/security.h"
#include "server/page/cluster_picture.h"
#include "server/page/live_report.h"

namespace edgetp {

struct PageOptions {
  std::vector<std::string> hosts;  // names, besides IP addresses and localhost, that it answers to
  bool allow_tuning = false;
  Security
      security;  // the cluster's token, where it has one, is wanted for everything but the frame
  std::string runs = "runs";
  ConfigLibrary library = ConfigLibrary({});  // of the networks that the form offers
};

// What the page asks of the server; each blocks until its loop has answered.
struct PageSources {
  std::function<ClusterPicture()> picture;
  // Errors: those of Control.SetNetwork. Returns the network in force.
  std::function<absl::StatusOr<v1::NetworkProfile>(const v1::SetNetworkRequest&)> set_network;
};

class LivePage {
 public:
  LivePage(PageOptions options, PageSources sources);

  // Every answer has the headers that keep a browser from doing anything else with it.
  HttpResponse Answer(const HttpRequest& request);

 private:
  struct Route;
  struct Asset;

  static const std::vector<Route>& Routes();
  HttpResponse AnswerRoute(const Route& route, const HttpRequest& request);
  HttpResponse State(const HttpRequest& request);
  HttpResponse Report(const HttpRequest& request);
  HttpResponse SetNetwork(const HttpRequest& request);
  absl::StatusOr<v1::NetworkProfile> ChangeNetwork(const HttpRequest& request);

  const PageOptions options_;
  const PageSources sources_;
  LiveReport report_;
};

}  // namespace edgetp
