#include "common/rpc/status.h"

#include <string>

namespace edgetp {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

v1::Failure ToFailure(const absl::Status& status) {
  v1::Failure failure;
  failure.set_code(static_cast<int>(status.code()));
  failure.set_message(std::string(status.message()));
  return failure;
}

absl::Status FromFailure(const v1::Failure& failure) {
  const absl::StatusCode code = failure.code() == 0 ? absl::StatusCode::kUnknown
                                                    : static_cast<absl::StatusCode>(failure.code());
  return absl::Status(code, failure.message());
}

}  // namespace edgetp
