// Every rpc of the server wants the cluster's token; health does not. A job's size is bounded.
#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/rpc/blobs.h"
#include "common/rpc/channel.h"
#include "common/rpc/deadline.h"
#include "common/rpc/health.h"
#include "edgetp/v1/cluster.pb.h"
#include "edgetp/v1/control.grpc.pb.h"
#include "server/server.h"
#include "tests/temporary_folder.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kLimit = absl::Seconds(20);
constexpr int kMaxTransfers = 6;

class AdmissionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    security_ = WithToken("the-token-of-this-cluster");
    ServerOptions options;
    options.runs = folder_ + "/runs";
    options.security = security_;
    options.transfer_limit = absl::Milliseconds(300);
    options.max_transfers = kMaxTransfers;
    auto server = Server::Start(options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  Security WithToken(const std::string& token) {
    const std::string file = folder_ + "/token";
    std::ofstream(file) << token << "\n";
    const auto security = Security::Load({.token_file = file}, Role::kServer);
    EXPECT_TRUE(security.ok()) << security.status();
    return *security;
  }

  // Any method, with one empty message.
  grpc::Status Call(const std::string& method, const Security& security) {
    grpc::GenericStub stub(MakeChannel(server_->address(), security));
    grpc::CompletionQueue queue;
    grpc::ClientContext context;
    context.set_deadline(GrpcDeadline(MonotonicNow() + kLimit));
    const grpc::Slice empty;
    const auto call = stub.PrepareUnaryCall(&context, method, grpc::ByteBuffer(&empty, 1), &queue);
    call->StartCall();
    grpc::ByteBuffer answer;
    grpc::Status status;
    call->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    return status;
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
  Security security_;
  std::unique_ptr<Server> server_;
};

TEST_F(AdmissionTest, EveryRpcWantsTheToken) {
  const Security wrong = WithToken("the-token-of-that-cluster");
  int methods = 0;
  for (const google::protobuf::FileDescriptor* file :
       {v1::WorkerMessage::descriptor()->file(), v1::SubmitRequest::descriptor()->file()}) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        const std::string method = absl::StrCat("/", file->service(s)->full_name(), "/",
                                                file->service(s)->method(m)->name());
        ++methods;
        const grpc::Status none = Call(method, Security());
        EXPECT_EQ(none.error_code(), grpc::StatusCode::UNAUTHENTICATED) << method;
        EXPECT_THAT(none.error_message(), HasSubstr("--token_file")) << method;
        EXPECT_EQ(Call(method, wrong).error_code(), grpc::StatusCode::UNAUTHENTICATED) << method;
        EXPECT_NE(Call(method, security_).error_code(), grpc::StatusCode::UNAUTHENTICATED)
            << method;
      }
    }
  }
  EXPECT_GE(methods, 10);
}

TEST_F(AdmissionTest, HealthWantsNoToken) {
  EXPECT_EQ(CheckHealth(server_->address(), kLimit), absl::OkStatus());
}

TEST_F(AdmissionTest, AnUploadThatNeverEndsIsCutOff) {
  const auto stub = v1::Blobs::NewStub(MakeChannel(server_->address(), security_));
  grpc::ClientContext context;
  context.set_deadline(GrpcDeadline(MonotonicNow() + kLimit));
  v1::PutBlobResponse response;
  const auto writer = stub->Put(&context, &response);
  v1::BlobChunk chunk;
  const std::string sha256(64, 'a');
  chunk.mutable_header()->set_id("sha256:" + sha256);
  chunk.mutable_header()->set_sha256(sha256);
  chunk.mutable_header()->set_size_bytes(1000);
  ASSERT_TRUE(writer->Write(chunk));
  EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(AdmissionTest, TooManyTransfersAreRefusedAndOtherCallsGoOn) {
  struct Upload {
    grpc::ClientContext context;
    v1::PutBlobResponse response;
    std::unique_ptr<grpc::ClientWriter<v1::BlobChunk>> writer;
  };
  const auto stub = v1::Blobs::NewStub(MakeChannel(server_->address(), security_));
  std::vector<Upload> uploads(2 * kMaxTransfers);
  for (Upload& upload : uploads) {
    upload.context.set_deadline(GrpcDeadline(MonotonicNow() + kLimit));
    upload.writer = stub->Put(&upload.context, &upload.response);
  }
  EXPECT_EQ(CheckHealth(server_->address(), kLimit), absl::OkStatus());
  int refused = 0;
  for (Upload& upload : uploads)
    refused += upload.writer->Finish().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
  EXPECT_GE(refused, kMaxTransfers);
}

TEST_F(AdmissionTest, MuchMetadataIsRefused) {
  const auto stub = v1::Control::NewStub(MakeChannel(server_->address(), security_));
  grpc::ClientContext context;
  context.set_deadline(GrpcDeadline(MonotonicNow() + kLimit));
  context.AddMetadata("x-much", std::string(64 << 10, 'x'));
  v1::StatusResponse response;
  EXPECT_EQ(stub->GetStatus(&context, v1::StatusRequest(), &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(AdmissionTest, AMessageAboveTheLimitIsRefused) {
  const auto stub = v1::Control::NewStub(MakeChannel(server_->address(), security_));
  grpc::ClientContext context;
  context.set_deadline(GrpcDeadline(MonotonicNow() + kLimit));
  v1::SubmitRequest request;
  request.mutable_spec()->mutable_config()->set_data(std::string(5 << 20, 'x'));
  v1::SubmitResponse response;
  EXPECT_EQ(stub->Submit(&context, request, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(AdmissionTest, AWorkersCertificateDoesNotPassForTheServers) {
  const std::string command = absl::StrCat("\"" EDGETP_SOURCE_DIR "/scripts/make_test_ca.sh\" \"",
                                           folder_, "/ca\" 2>/dev/null");
  ASSERT_EQ(std::system(command.c_str()), 0) << "openssl is needed";
  const auto of = [&](const std::string& who, Role role) {
    const std::string stem = folder_ + "/ca/" + who;
    return *Security::Load(
        {.tls_ca = folder_ + "/ca/ca.crt", .tls_cert = stem + ".crt", .tls_key = stem + ".key"},
        role);
  };
  ServerOptions options;
  options.runs = folder_ + "/impostor";
  options.security = of("worker", Role::kWorker);
  const auto impostor = Server::Start(options);
  ASSERT_TRUE(impostor.ok()) << impostor.status();
  const Security client = of("client", Role::kClient);
  const std::string& address = (*impostor)->address();
  EXPECT_EQ(CheckHealth(address, kLimit, client, Role::kServer).code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(CheckHealth(address, kLimit, client, Role::kWorker), absl::OkStatus());
}

TEST_F(AdmissionTest, AServerBeyondLoopbackNeedsLeave) {
  ServerOptions options;
  options.runs = folder_ + "/runs";
  options.listen = "0.0.0.0:0";
  const absl::Status refused = Server::Start(options).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--listen: 0.0.0.0:0"));
}

}  // namespace
}  // namespace edgetp
