// Whoever reaches the server's port can send it anything, as a worker or as a client. The server
// stays up, holds a bounded amount of it, and says what was wrong.
#include <limits>
#include <string>
#include <vector>

#include "common/rpc/health.h"
#include "tests/server/server_fixture.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The server of the fixture, and a run whose two workers may say what they want.
class HostileWorkerTest : public ServerTest {
 protected:
  // How the run ends after its second worker has said `message`.
  std::string ErrorAfter(const v1::WorkerMessage& message) {
    FakeWorker first(server_->address());
    FakeWorker second(server_->address());
    StartRun(&first, &second);
    second.Write(message);
    EXPECT_TRUE(first.Read().has_abort());
    const std::vector<v1::RunEvent> events = Watch("a");
    EXPECT_EQ(events.back().summary().status(), "failed");
    EXPECT_EQ(CheckHealth(server_->address(), absl::Seconds(20)), absl::OkStatus());
    return events.back().summary().error();
  }

  v1::WorkerMessage StepOf(int step) {
    v1::WorkerMessage message;
    message.mutable_step()->set_job("a");
    message.mutable_step()->set_step(step);
    return message;
  }

  // How a Join ends that begins with `message`.
  grpc::Status JoinWith(const v1::WorkerMessage& message) {
    FakeWorker worker(server_->address());
    worker.Write(message);
    EXPECT_EQ(worker.Read().body_case(), v1::ServerMessage::BODY_NOT_SET);
    return worker.Finish();
  }
};

TEST_F(HostileWorkerTest, ATimeThatIsNoneEndsTheRunAndNamesTheRank) {
  v1::WorkerMessage message = StepOf(1);
  message.mutable_step()->set_step_seconds(kNan);
  EXPECT_THAT(ErrorAfter(message), HasSubstr("rank 1 (worker-2, pid 4711): report: step_seconds"));
}

TEST_F(HostileWorkerTest, AStepBeyondTheRunEndsItAndNamesTheRank) {
  EXPECT_THAT(ErrorAfter(StepOf(std::numeric_limits<int>::max())),
              HasSubstr("rank 1 (worker-2, pid 4711): step report: no such step"));
}

TEST_F(HostileWorkerTest, AStepBeforeTheRunEndsItAndNamesTheRank) {
  EXPECT_THAT(ErrorAfter(StepOf(std::numeric_limits<int>::min())), HasSubstr("rank 1 (worker-2"));
}

TEST_F(HostileWorkerTest, AResultWithoutEndEndsTheRunAndNamesTheRank) {
  v1::WorkerMessage message;
  message.mutable_result()->set_job("a");
  message.mutable_result()->add_compute_seconds(std::numeric_limits<float>::infinity());
  EXPECT_THAT(ErrorAfter(message), HasSubstr("rank 1 (worker-2, pid 4711): job result"));
}

TEST_F(HostileWorkerTest, AFailureAsLongAsABookIsCut) {
  v1::WorkerMessage message;
  message.mutable_failure()->set_job("a");
  message.mutable_failure()->mutable_failure()->set_code(12345);
  message.mutable_failure()->mutable_failure()->set_message(std::string(1 << 20, 'x'));
  EXPECT_LT(ErrorAfter(message).size(), 10'000u);
}

TEST_F(HostileWorkerTest, AMessageAboveTheLimitLosesTheWorkerAndNamesIt) {
  v1::WorkerMessage message = StepOf(1);
  message.mutable_step()->set_network(std::string(8 << 20, 'x'));
  EXPECT_THAT(ErrorAfter(message), HasSubstr("rank 1 (worker-2, pid 4711): lost"));
}

TEST_F(HostileWorkerTest, WhatIsSaidOfAnotherRunIsIgnored) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  v1::WorkerMessage message = StepOf(7);
  message.mutable_step()->set_job("b");
  second.Write(message);
  for (int step = 1; step <= 2; ++step) {
    first.Step(step, "none");
    second.Step(step, "none");
  }
  first.Result();
  second.Result();
  EXPECT_EQ(Watch("a").back().summary().status(), "done");
}

TEST_F(HostileWorkerTest, AFloodOfHeartbeatsDoesNotKeepTheServerFromAnswering) {
  FakeWorker worker(server_->address());
  worker.Join();
  ASSERT_TRUE(worker.Read().has_welcome());
  v1::WorkerMessage heartbeat;
  heartbeat.mutable_heartbeat();
  for (int i = 0; i < 20'000; ++i) ASSERT_TRUE(worker.Write(heartbeat));
  v1::SubmitResponse response;
  EXPECT_TRUE(Submit(Job(2), &response).ok());
  EXPECT_TRUE(Stop("a").ok());
}

TEST_F(HostileWorkerTest, AFieldAsLongAsABookIsRefused) {
  v1::WorkerMessage message;
  message.mutable_join()->set_version(kVersion);
  message.mutable_join()->mutable_member()->set_peer_address("127.0.0.1:1");
  message.mutable_join()->set_device(std::string(1 << 20, 'x'));
  EXPECT_EQ(JoinWith(message).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(HostileWorkerTest, AnEmptyMessageIsNoJoin) {
  EXPECT_EQ(JoinWith(v1::WorkerMessage()).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

// A server that does not wait long for anything.
class ImpatientServerTest : public ServerTest {
 protected:
  void SetUp() override {
    options_.coordinator.heartbeat_limit = absl::Milliseconds(200);
    ServerTest::SetUp();
  }
};

TEST_F(ImpatientServerTest, AStreamThatSaysNothingIsEnded) {
  FakeWorker silent(server_->address());
  EXPECT_EQ(silent.Read().body_case(), v1::ServerMessage::BODY_NOT_SET);
  const grpc::Status status = silent.Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_THAT(status.error_message(), HasSubstr("no first message"));
}

using HostileClientTest = ServerTest;

TEST_F(HostileClientTest, ANetworkOfAMillionOverridesIsRefusedAtOnce) {
  v1::JobSpec spec = Job(2);
  for (int i = 0; i < 200'000; ++i) spec.mutable_config()->mutable_network()->add_overrides();
  v1::SubmitResponse response;
  const grpc::Status status = Submit(spec, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("overrides: at most 4096"));
}

TEST_F(HostileClientTest, AConfigAboveTheLimitIsRefused) {
  v1::JobSpec spec = Job(2);
  spec.mutable_config()->mutable_model()->set_source(std::string((4 << 20) - (200 << 10), 'x'));
  v1::SubmitResponse response;
  EXPECT_EQ(Submit(spec, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(HostileClientTest, AMeasurementThatNoWorkerSurvivesIsRefused) {
  v1::JobSpec spec;
  spec.mutable_config()->set_workers(2);
  spec.mutable_bench()->add_bytes(std::numeric_limits<int64_t>::max());
  spec.mutable_bench()->add_algorithms("none");
  spec.mutable_bench()->set_warmup(-1);
  spec.mutable_config()->mutable_collective()->set_segment_bytes(0);
  v1::SubmitResponse response;
  const grpc::Status status = Submit(spec, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  for (const char* field : {"bench.bytes", "bench.algorithms", "bench.warmup"})
    EXPECT_THAT(status.error_message(), HasSubstr(field));
}

TEST_F(HostileClientTest, APromptOfUnknownTokensIsRefused) {
  v1::JobSpec spec = Job(1);
  for (const int token : {-1, 65}) {
    spec.mutable_sample()->clear_prompt();
    spec.mutable_sample()->add_prompt(token);
    v1::SubmitResponse response;
    const grpc::Status status = Submit(spec, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr("sample.prompt"));
  }
}

TEST_F(HostileClientTest, SamplingThatCannotBeIsRefused) {
  v1::JobSpec spec = Job(1);
  v1::SampleTask* const sample = spec.mutable_sample();
  sample->add_prompts()->add_tokens(65);
  sample->add_prompts();
  sample->set_top_p(0);
  sample->add_stop("");
  for (int i = 0; i < 70; ++i) sample->add_token_text("x");
  v1::SubmitResponse response;
  const grpc::Status status = Submit(spec, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  for (const char* field : {"sample.prompts", "sample.top_p", "sample.stop", "sample.token_text"})
    EXPECT_THAT(status.error_message(), HasSubstr(field));
}

TEST_F(HostileClientTest, AMediumIsNotGrantedForEver) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  const auto cluster = v1::Cluster::NewStub(channel_);
  for (const double airtime_ns : {kNan, -1.0, 1e300}) {
    grpc::ClientContext context;
    SetDeadline(&context);
    const auto stream = cluster->ReserveMedium(&context);
    v1::MediumRequest request;
    request.set_job("a");
    request.set_airtime_ns(airtime_ns);
    stream->Write(request);
    v1::MediumGrant grant;
    EXPECT_FALSE(stream->Read(&grant));
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT) << airtime_ns;
  }
}

TEST_F(HostileClientTest, AConnectionHasAtMost64Calls) {
  v1::SubmitResponse response;
  ASSERT_TRUE(Submit(Job(2), &response).ok());
  v1::WatchRequest request;
  request.set_run("a");
  std::vector<grpc::ClientContext> contexts(64);
  std::vector<std::unique_ptr<grpc::ClientReader<v1::RunEvent>>> readers;
  v1::RunEvent event;
  for (grpc::ClientContext& context : contexts) {
    SetDeadline(&context);
    readers.push_back(control_->Watch(&context, request));
    ASSERT_TRUE(readers.back()->Read(&event));
  }
  v1::StatusResponse status;
  grpc::ClientContext waits;
  waits.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  EXPECT_EQ(control_->GetStatus(&waits, v1::StatusRequest(), &status).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  for (grpc::ClientContext& context : contexts) context.TryCancel();
  for (const auto& reader : readers) reader->Finish();
  grpc::ClientContext goes;
  SetDeadline(&goes);
  EXPECT_TRUE(control_->GetStatus(&goes, v1::StatusRequest(), &status).ok());
}

TEST_F(HostileClientTest, TooManyWatchersAreRefused) {
  v1::SubmitResponse response;
  ASSERT_TRUE(Submit(Job(2), &response).ok());
  v1::WatchRequest request;
  request.set_run("a");
  // Streams of one connection are limited, too.
  std::vector<std::unique_ptr<v1::Control::Stub>> stubs;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::RunEvent>>> readers;
  v1::RunEvent event;
  bool admitted = true;
  while (admitted && readers.size() < 300) {
    if (readers.size() % 32 == 0)
      stubs.push_back(v1::Control::NewStub(MakeChannel(server_->address())));
    auto& context = contexts.emplace_back(std::make_unique<grpc::ClientContext>());
    SetDeadline(context.get());
    auto& reader = readers.emplace_back(stubs.back()->Watch(context.get(), request));
    admitted = reader->Read(&event);
  }
  EXPECT_EQ(readers.size(), 257u);
  EXPECT_EQ(readers.back()->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  readers.pop_back();
  for (const auto& context : contexts) context->TryCancel();
  for (const auto& reader : readers) reader->Finish();
}

}  // namespace
}  // namespace edgetp
