// The whole server in this process, on port 0, with workers that are only a stream.
#pragma once

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/version.h"
#include "common/rpc/blobs.h"
#include "common/rpc/channel.h"
#include "edgetp/v1/cluster.grpc.pb.h"
#include "edgetp/v1/control.grpc.pb.h"
#include "server/server.h"

namespace edgetp {

// Nothing here takes this long; it only keeps a broken test from hanging.
inline void SetDeadline(grpc::ClientContext* context) {
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
}

// A worker without a model: joins, and says what the test tells it to.
class FakeWorker {
 public:
  explicit FakeWorker(const std::string& address)
      : stub_(v1::Cluster::NewStub(MakeChannel(address))) {
    SetDeadline(&context_);
    stream_ = stub_->Join(&context_);
  }
  ~FakeWorker() {
    context_.TryCancel();
    Finish();
  }

  void Join(const std::string& version = kVersion) {
    v1::WorkerMessage message;
    message.mutable_join()->set_version(version);
    message.mutable_join()->mutable_member()->set_peer_address("127.0.0.1:1");
    message.mutable_join()->set_process_id(4711);
    stream_->Write(message);
  }
  bool Write(const v1::WorkerMessage& message) { return stream_->Write(message); }
  // The next message; empty when the stream has ended.
  v1::ServerMessage Read() {
    v1::ServerMessage message;
    return stream_->Read(&message) ? message : v1::ServerMessage();
  }
  void Ready() {
    v1::WorkerMessage message;
    message.mutable_ready()->set_job("a");
    stream_->Write(message);
  }
  void Step(int step, const std::string& network) {
    v1::WorkerMessage message;
    message.mutable_step()->set_job("a");
    message.mutable_step()->set_step(step);
    message.mutable_step()->set_step_seconds(0.1);
    message.mutable_step()->set_network(network);
    stream_->Write(message);
  }
  void Result() {
    v1::WorkerMessage message;
    message.mutable_result()->set_job("a");
    stream_->Write(message);
  }
  void Leave() { stream_->WritesDone(); }
  grpc::Status Finish() {
    if (!std::exchange(finished_, true)) status_ = stream_->Finish();
    return status_;
  }

 private:
  std::unique_ptr<v1::Cluster::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::WorkerMessage, v1::ServerMessage>> stream_;
  bool finished_ = false;
  grpc::Status status_;
};

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    options_.runs = absl::StrCat(::testing::TempDir(), "/server_test.", getpid());
    options_.coordinator.worker_wait = absl::Seconds(10);
    options_.dial_back_limit = absl::ZeroDuration();  // nothing listens where these workers say
    std::filesystem::remove_all(options_.runs);
    auto server = Server::Start(options_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = MakeChannel(server_->address());
    control_ = v1::Control::NewStub(channel_);
    blobs_ = v1::Blobs::NewStub(channel_);
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(options_.runs);
  }

  v1::JobSpec Job(int workers) {
    v1::JobSpec spec;
    spec.mutable_train();
    v1::RunConfig* const config = spec.mutable_config();
    config->set_name("a");
    config->set_workers(workers);
    config->set_pattern("tt");
    config->mutable_model()->set_name("tiny");
    config->mutable_model()->set_layers(2);
    config->mutable_model()->set_heads(4);
    config->mutable_model()->set_channels(16);
    config->mutable_model()->set_sequence(8);
    config->mutable_model()->set_vocabulary(65);
    config->mutable_train()->set_steps(2);
    spec.set_corpus_blob(*PutBlob(blobs_.get(), "some text", MonotonicNow() + absl::Seconds(10)));
    return spec;
  }
  grpc::Status Submit(const v1::JobSpec& spec, v1::SubmitResponse* response) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::SubmitRequest request;
    *request.mutable_spec() = spec;
    return control_->Submit(&context, request, response);
  }
  // All events until the run's stream ends.
  std::vector<v1::RunEvent> Watch(const std::string& run) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::WatchRequest request;
    request.set_run(run);
    const auto reader = control_->Watch(&context, request);
    std::vector<v1::RunEvent> events;
    for (v1::RunEvent event; reader->Read(&event);) events.push_back(event);
    EXPECT_TRUE(reader->Finish().ok());
    return events;
  }
  grpc::Status Stop(const std::string& run) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::StopRequest request;
    request.set_run(run);
    v1::StopResponse response;
    return control_->Stop(&context, request, &response);
  }
  std::string ReadFile(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // Two workers that have begun the run "a".
  void StartRun(FakeWorker* first, FakeWorker* second) { StartRun(first, second, Job(2)); }
  void StartRun(FakeWorker* first, FakeWorker* second, const v1::JobSpec& spec) {
    for (FakeWorker* worker : {first, second}) {
      worker->Join();
      ASSERT_TRUE(worker->Read().has_welcome());
    }
    v1::SubmitResponse response;
    const grpc::Status status = Submit(spec, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    for (FakeWorker* worker : {first, second}) {
      ASSERT_TRUE(worker->Read().has_assign());
      worker->Ready();
    }
    for (FakeWorker* worker : {first, second}) ASSERT_TRUE(worker->Read().has_start());
  }

  ServerOptions options_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Control::Stub> control_;
  std::unique_ptr<v1::Blobs::Stub> blobs_;
};

}  // namespace edgetp
