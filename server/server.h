// The coordinator as a thing that can be started and stopped: wiring of loop, dispatcher, services
// and endpoints. Used by main and by tests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/rpc/security.h"
#include "server/coordinator.h"

namespace edgetp {

// In place of the page's address: there is none.
inline constexpr char kNoPage[] = "off";

struct ServerOptions {
  std::string listen = "127.0.0.1:0";  // port 0: a free one
  std::string metrics = "127.0.0.1:0";
  std::string page = kNoPage;           // host:port of the live page
  std::vector<std::string> page_hosts;  // names that it answers to (server/page/page_rules.h)
  bool allow_tuning = false;            // its form may change the network
  std::string runs = "runs";
  int64_t blob_limit_bytes = int64_t{8} << 30;
  // A transfer of a blob that takes longer is cut off; at most kLongestTransfer.
  absl::Duration transfer_limit = absl::Minutes(10);
  // Transfers at one time, each of which holds a thread; more are refused. A cluster has a few: its
  // workers fetch a corpus together.
  int max_transfers = 300;
  // What connecting to the address that a worker advertises may take, before it may join; zero:
  // nobody tries.
  absl::Duration dial_back_limit = absl::Seconds(2);
  // What predicting the steps of an ended run may take, off the server's loop.
  absl::Duration prediction_limit = absl::Seconds(5);
  Security security;
  CoordinatorOptions coordinator;
};

class Server {
 public:
  // Errors: InvalidArgument if an address is beyond loopback and nothing allows that; Unavailable
  // if it cannot be bound.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options);
  ~Server();

  // "host:port" with the ports in use.
  const std::string& address() const;
  const std::string& metrics_address() const;
  // Empty: there is no page.
  std::string page_address() const;

  // Aborts the running job, writes its summary, tells workers and watchers, ends all streams.
  // Blocks until: that is done, about two seconds at most.
  void Shutdown(const absl::Status& reason);

 private:
  struct Parts;
  explicit Server(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace edgetp
