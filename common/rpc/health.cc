#include "common/rpc/health.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"
#include "common/rpc/channel.h"
#include "common/rpc/deadline.h"
#include "common/rpc/status.h"

namespace edgetp {
namespace {

// Sends an empty HealthCheckRequest: the health of the server as a whole. By hand: gRPC installs no
// generated code for this service.
grpc::Status Ask(const std::shared_ptr<grpc::Channel>& channel, absl::Duration timeout,
                 std::string* answer) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_deadline(GrpcDeadline(MonotonicNow() + timeout));
  const grpc::Slice empty;
  const auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check",
                                          grpc::ByteBuffer(&empty, 1), &queue);
  call->StartCall();
  grpc::ByteBuffer buffer;
  grpc::Status status;
  call->Finish(&buffer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  grpc::Slice bytes;
  if (status.ok()) status = buffer.DumpToSingleSlice(&bytes);
  answer->assign(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
  return status;
}

}  // namespace

absl::Status CheckHealth(const std::string& address, absl::Duration timeout,
                         const Security& security, Role dialled) {
  std::string answer;
  const absl::Status status =
      FromGrpc(Ask(MakeChannel(address, security, dialled), timeout, &answer));
  RETURN_IF_ERROR(Annotate(status, absl::StrCat("health of ", address)));
  // HealthCheckResponse: field 1, an enum, is SERVING.
  if (answer == "\x08\x01") return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("health of ", address, ": not serving"));
}

}  // namespace edgetp
