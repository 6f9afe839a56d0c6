// A running cluster, as the command line sees it: the services Control and Blobs behind plain calls
// with deadlines. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/rpc/security.h"
#include "edgetp/v1/control.grpc.pb.h"

namespace edgetp {

// $EDGETP_SERVER, else 127.0.0.1:50051.
std::string DefaultServer();

// A server, and what to show it.
struct ServerFlags {
  std::string address;
  SecurityOptions security;
};

class Remote {
 public:
  // `address`: "host:port". Never blocks.
  Remote(const std::string& address, const Security& security);
  // Errors: those of Security::Load and CheckDial. Never blocks.
  static absl::StatusOr<Remote> Open(const ServerFlags& flags);

  // Each blocks until: the answer, at most 10 s.
  // Errors: those of Control; Unavailable or DeadlineExceeded names the address.
  absl::StatusOr<v1::SubmitResponse> Submit(const v1::JobSpec& spec);
  absl::Status Stop(const std::string& run);
  absl::StatusOr<v1::StatusResponse> GetStatus();
  absl::StatusOr<v1::NetworkProfile> GetNetwork();
  absl::StatusOr<v1::NetworkProfile> SetNetwork(const v1::SetNetworkRequest& request);

  // Stores bytes; returns their blob id. GetBlob fetches them.
  // Blocks until: done, at most 5 minutes (a large model over a slow link).
  absl::StatusOr<std::string> PutBlob(const std::string& bytes);
  // Of what lies in several places, one after the other.
  absl::StatusOr<std::string> PutBlob(const std::vector<absl::string_view>& pieces);
  absl::StatusOr<std::string> GetBlob(const std::string& id);

  const std::string& address() const { return address_; }
  v1::Control::Stub* control() { return control_.get(); }

 private:
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::Control::Stub::*method)(grpc::ClientContext*,
                                                                          const Request&,
                                                                          Response*),
                                const Request& request);
  absl::Status Explain(const absl::Status& status) const;

  bool tls_;
  std::string address_;
  std::unique_ptr<v1::Control::Stub> control_;
  std::unique_ptr<v1::Blobs::Stub> blobs_;
};

}  // namespace edgetp
