#include "cli/shared/remote.h"

#include <grpcpp/client_context.h>
#include <stdlib.h>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/config/units.h"
#include "common/rpc/blobs.h"
#include "common/rpc/channel.h"
#include "common/rpc/deadline.h"
#include "common/rpc/server_limits.h"
#include "common/rpc/status.h"

namespace edgetp {
namespace {

constexpr absl::Duration kCallLimit = absl::Seconds(10);

}  // namespace

std::string DefaultServer() {
  const char* server = getenv("EDGETP_SERVER");
  return server != nullptr && *server != '\0' ? server : "127.0.0.1:50051";
}

absl::StatusOr<Remote> Remote::Open(const ServerFlags& flags) {
  ASSIGN_OR_RETURN(const Security security, Security::Load(flags.security, Role::kClient));
  RETURN_IF_ERROR(security.CheckDial("--server", flags.address));
  return Remote(flags.address, security);
}

Remote::Remote(const std::string& address, const Security& security)
    : tls_(security.tls()), address_(address) {
  const auto channel = MakeChannel(address, security);
  control_ = v1::Control::NewStub(channel);
  blobs_ = v1::Blobs::NewStub(channel);
}

absl::Status Remote::Explain(const absl::Status& status) const {
  if (absl::IsUnavailable(status)) {
    return Annotate(status, absl::StrCat("no edgetp_server answers at ", address_,
                                         tls_ ? " with a certificate of --tls_ca"
                                              : " (start one with `edgetp up`; one with TLS wants "
                                                "--tls_ca, --tls_cert and --tls_key)"));
  }
  if (absl::IsDeadlineExceeded(status))
    return Annotate(status, absl::StrCat("edgetp_server at ", address_));
  return status;
}

template <typename Request, typename Response>
absl::StatusOr<Response> Remote::Call(
    grpc::Status (v1::Control::Stub::*method)(grpc::ClientContext*, const Request&, Response*),
    const Request& request) {
  // gRPC would refuse it in words of its own.
  if (request.ByteSizeLong() > static_cast<size_t>(kMaxMessageBytes)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "what is sent to the server has ", FormatBytes(static_cast<double>(request.ByteSizeLong())),
        ", at most ", FormatBytes(kMaxMessageBytes),
        " fit; traces take most of it, a byte for each time"));
  }
  grpc::ClientContext context;
  context.set_deadline(GrpcDeadline(MonotonicNow() + kCallLimit));
  Response response;
  RETURN_IF_ERROR(Explain(FromGrpc((control_.get()->*method)(&context, request, &response))));
  return response;
}

absl::StatusOr<v1::SubmitResponse> Remote::Submit(const v1::JobSpec& spec) {
  v1::SubmitRequest request;
  *request.mutable_spec() = spec;
  return Call(&v1::Control::Stub::Submit, request);
}

absl::Status Remote::Stop(const std::string& run) {
  v1::StopRequest request;
  request.set_run(run);
  return Call(&v1::Control::Stub::Stop, request).status();
}

absl::StatusOr<v1::StatusResponse> Remote::GetStatus() {
  return Call(&v1::Control::Stub::GetStatus, v1::StatusRequest());
}

absl::StatusOr<v1::NetworkProfile> Remote::GetNetwork() {
  return Call(&v1::Control::Stub::GetNetwork, v1::GetNetworkRequest());
}

absl::StatusOr<v1::NetworkProfile> Remote::SetNetwork(const v1::SetNetworkRequest& request) {
  return Call(&v1::Control::Stub::SetNetwork, request);
}

absl::StatusOr<std::string> Remote::PutBlob(const std::string& bytes) {
  auto id = edgetp::PutBlob(blobs_.get(), bytes);
  if (!id.ok()) return Explain(id.status());
  return id;
}

absl::StatusOr<std::string> Remote::PutBlob(const std::vector<absl::string_view>& pieces) {
  auto id = edgetp::PutBlobPieces(blobs_.get(), pieces);
  if (!id.ok()) return Explain(id.status());
  return id;
}

absl::StatusOr<std::string> Remote::GetBlob(const std::string& id) {
  auto bytes = edgetp::GetBlob(blobs_.get(), id);
  if (!bytes.ok()) return Explain(bytes.status());
  return bytes;
}

}  // namespace edgetp
