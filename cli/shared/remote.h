// A running cluster, as the command line sees it: the services Control and Blobs behind plain calls
// with deadlines. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/byte_source.h"
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

// Reads a blob of the server in ranges, for as long as the source is there.
// Errors: those of Remote::Open and of Blobs.Get.
absl::StatusOr<std::shared_ptr<const ByteSource>> OpenRemoteBlob(const ServerFlags& flags,
                                                                 const std::string& id);

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

  // Stores bytes; returns their blob id. What is large is read twice, and never held.
  // Blocks until: done, at most kLongestTransfer.
  absl::StatusOr<std::string> PutBlob(const std::string& bytes);
  absl::StatusOr<std::string> PutBlob(const ByteStream& bytes);

  const std::string& address() const { return address_; }
  v1::Control::Stub* control() { return control_.get(); }
  v1::Blobs::Stub* blobs() { return blobs_.get(); }
  // What an error means to who types.
  absl::Status Explain(const absl::Status& status) const;

 private:
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::Control::Stub::*method)(grpc::ClientContext*,
                                                                          const Request&,
                                                                          Response*),
                                const Request& request);

  bool tls_;
  std::string address_;
  std::unique_ptr<v1::Control::Stub> control_;
  std::unique_ptr<v1::Blobs::Stub> blobs_;
};

}  // namespace edgetp
