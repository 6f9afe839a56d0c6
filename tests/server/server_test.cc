#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "common/rpc/digest.h"
#include "common/rpc/health.h"
#include "tests/server/server_fixture.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

TEST_F(ServerTest, AJobRunsFromSubmitToSummary) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  for (int step = 1; step <= 2; ++step) {
    first.Step(step, "none");
    second.Step(step, "none");
  }
  first.Result();
  second.Result();
  EXPECT_TRUE(first.Read().has_finish());
  EXPECT_TRUE(second.Read().has_finish());
  const std::vector<v1::RunEvent> events = Watch("a");
  ASSERT_GE(events.size(), 2u);
  EXPECT_EQ(events.front().phase().name(), v1::Phase::NAME_QUEUED);
  EXPECT_EQ(events.back().summary().status(), "done");
  EXPECT_EQ(events.back().summary().steps(), 2);
  EXPECT_EQ(events[events.size() - 2].phase().name(), v1::Phase::NAME_DONE);
  EXPECT_THAT(ReadFile(options_.runs + "/a/summary.json"), HasSubstr("\"status\": \"done\""));
  EXPECT_THAT(ReadFile(options_.runs + "/a/metrics.jsonl"), HasSubstr("\"step\":2"));
  EXPECT_THAT(ReadFile(options_.runs + "/a/config.textproto"), HasSubstr("pattern: \"tt\""));
}

TEST_F(ServerTest, AWorkerThatLeavesAbortsTheRunAndIsNamed) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  second.Leave();
  const v1::ServerMessage abort = first.Read();
  EXPECT_THAT(abort.abort().failure().message(),
              HasSubstr("rank 1 (worker-2, pid 4711): lost: stream closed"));
  const std::vector<v1::RunEvent> events = Watch("a");
  EXPECT_EQ(events.back().summary().status(), "failed");
  EXPECT_THAT(events.back().summary().error(), HasSubstr("worker-2"));
  EXPECT_TRUE(events[events.size() - 2].has_failure());
  EXPECT_THAT(ReadFile(options_.runs + "/a/summary.json"), HasSubstr("\"status\": \"failed\""));
}

TEST_F(ServerTest, StopReachesTheWorkers) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  EXPECT_TRUE(Stop("a").ok());
  EXPECT_TRUE(first.Read().has_abort());
  EXPECT_TRUE(second.Read().has_abort());
  EXPECT_EQ(Watch("a").back().summary().status(), "stopped");
  EXPECT_EQ(Stop("a").error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Stop("b").error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, AnotherVersionCannotJoin) {
  FakeWorker worker(server_->address());
  worker.Join("0.0.9");
  EXPECT_EQ(worker.Read().body_case(), v1::ServerMessage::BODY_NOT_SET);
  EXPECT_EQ(worker.Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(ServerTest, TheFirstMessageMustBeJoin) {
  FakeWorker worker(server_->address());
  worker.Ready();
  worker.Read();
  EXPECT_EQ(worker.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerTest, BadJobsAreRefusedBeforeAnythingIsWritten) {
  v1::SubmitResponse response;
  v1::JobSpec spec = Job(2);
  spec.mutable_config()->set_pattern("tx");
  EXPECT_EQ(Submit(spec, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  spec = Job(2);
  spec.set_corpus_blob(BlobIdOf("unknown"));
  EXPECT_EQ(Submit(spec, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  spec = Job(2);
  spec.mutable_config()->set_name("../a");
  EXPECT_EQ(Submit(spec, &response).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_FALSE(fs::exists(options_.runs + "/a"));
}

TEST_F(ServerTest, ANameCanBeUsedOnce) {
  v1::SubmitResponse response;
  ASSERT_TRUE(Submit(Job(2), &response).ok());
  EXPECT_EQ(response.directory(), options_.runs + "/a");
  EXPECT_EQ(Submit(Job(2), &response).error_code(), grpc::StatusCode::ALREADY_EXISTS);
}

TEST_F(ServerTest, TheNetworkOfARunningJobCanBeChanged) {
  v1::SetNetworkRequest request;
  request.mutable_network()->set_name("lte");
  request.mutable_network()->mutable_link()->set_delay_us(35000);
  v1::NetworkProfile response;
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  grpc::ClientContext good;
  EXPECT_TRUE(control_->SetNetwork(&good, request, &response).ok());
  EXPECT_EQ(first.Read().network().network().name(), "lte");
  EXPECT_EQ(second.Read().network().version(), 1u);
  request.mutable_network()->mutable_link()->set_delay_us(-1);
  grpc::ClientContext bad;
  EXPECT_EQ(control_->SetNetwork(&bad, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerTest, ANetworkThatARunsChosenDeadlineCannotMeetIsRefused) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  v1::JobSpec spec = Job(2);
  spec.mutable_config()->mutable_collective()->set_deadline_seconds(2);
  StartRun(&first, &second, spec);
  v1::SetNetworkRequest request;
  request.mutable_network()->set_name("slow");
  request.mutable_network()->mutable_link()->set_rate_bits_per_second(1000);
  v1::NetworkProfile response;
  grpc::ClientContext context;
  const grpc::Status status = control_->SetNetwork(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("deadline: 2 s cannot be met"));
}

TEST_F(ServerTest, AJobWithoutANetworkTakesTheClusters) {
  grpc::ClientContext set;
  v1::SetNetworkRequest request;
  request.mutable_network()->set_name("lte");
  v1::NetworkProfile response;
  ASSERT_TRUE(control_->SetNetwork(&set, request, &response).ok());
  EXPECT_EQ(response.name(), "lte");
  FakeWorker worker(server_->address());
  worker.Join();
  ASSERT_TRUE(worker.Read().has_welcome());
  v1::SubmitResponse submitted;
  ASSERT_TRUE(Submit(Job(1), &submitted).ok());
  EXPECT_EQ(worker.Read().assign().spec().config().network().name(), "lte");
}

// A worker's questions for the medium.
class MediumStream {
 public:
  explicit MediumStream(const std::shared_ptr<grpc::Channel>& channel)
      : cluster_(v1::Cluster::NewStub(channel)) {
    SetDeadline(&context_);
    stream_ = cluster_->ReserveMedium(&context_);
  }

  // When it is granted; -1: the stream has ended.
  int64_t Ask(const v1::MediumRequest& request) {
    v1::MediumGrant grant;
    stream_->Write(request);
    return stream_->Read(&grant) ? grant.start_ns() : -1;
  }
  grpc::StatusCode Finish() { return stream_->Finish().error_code(); }

 private:
  const std::unique_ptr<v1::Cluster::Stub> cluster_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::MediumRequest, v1::MediumGrant>> stream_;
};

TEST_F(ServerTest, TheMediumIsGrantedInTurnToTheRunningJobOnly) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  MediumStream medium(channel_);
  v1::MediumRequest request;
  request.set_job("a");
  request.set_handover_ns(1000);
  request.set_airtime_ns(500);
  for (const int64_t start_ns : {1000, 1500, 2000}) EXPECT_EQ(medium.Ask(request), start_ns);
  request.set_job("b");
  EXPECT_EQ(medium.Ask(request), -1);
  EXPECT_EQ(medium.Finish(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, TrunksAreSharedByAllWorkersOfTheRunningJob) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  MediumStream medium(channel_);
  v1::MediumRequest request;
  request.set_job("a");
  request.set_handover_ns(1000);
  request.set_airtime_ns(500);
  for (const int trunk : {3, 4}) {
    v1::TrunkPassage* const passage = request.add_passages();
    passage->set_trunk(trunk);
    passage->set_offset_ns(10 * trunk);
    passage->set_airtime_ns(500);
  }
  for (const int64_t start_ns : {1000, 1500, 2000}) EXPECT_EQ(medium.Ask(request), start_ns);
  request.mutable_passages(1)->set_trunk(5);
  request.mutable_passages()->SwapElements(0, 1);
  request.mutable_passages()->RemoveLast();
  EXPECT_EQ(medium.Ask(request), 1000) << "nobody was on that one";
  request.mutable_passages(0)->set_trunk(-1);
  EXPECT_EQ(medium.Ask(request), -1);
  EXPECT_EQ(medium.Finish(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerTest, AMediumIsGrantedOnTheClockOfAWorkerThatSaysItsTime) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  MediumStream medium(channel_);
  v1::MediumRequest request;
  request.set_job("a");
  constexpr int64_t kHour = 3'600'000'000'000;
  request.set_airtime_ns(kHour);
  const auto ask = [&](int64_t handover_ns) {
    request.set_handover_ns(handover_ns);
    request.set_sent_ns(handover_ns + 1000);
    return medium.Ask(request);
  };
  EXPECT_EQ(ask(5000), 5000) << "nobody was before it";
  // Another clock, a day ahead: what is left of the first hour is waited for.
  const int64_t start_ns = ask(24 * kHour);
  EXPECT_LE(start_ns, 25 * kHour);
  EXPECT_GT(start_ns, 24 * kHour + kHour / 2);
}

TEST_F(ServerTest, BlobsTravelInChunksAndComeBackEqual) {
  const std::string bytes(3 * kBlobChunkBytes + 17, 'x');
  const absl::Time deadline = MonotonicNow() + absl::Seconds(20);
  for (const std::string& blob : {bytes, std::string("short"), std::string()}) {
    const auto id = PutBlob(blobs_.get(), blob, deadline);
    ASSERT_TRUE(id.ok()) << id.status();
    const auto again = PutBlob(blobs_.get(), blob, deadline);
    EXPECT_EQ(*id, *again);
    const auto back = GetBlob(blobs_.get(), *id, deadline);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, blob);
  }
  EXPECT_EQ(GetBlob(blobs_.get(), BlobIdOf("unknown"), deadline).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ServerTest, ABlobIsReadInRanges) {
  const absl::Time deadline = MonotonicNow() + absl::Seconds(20);
  std::string bytes(3 * kBlobChunkBytes + 17, 'x');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 31 / 7);
  const auto id = PutBlob(blobs_.get(), bytes, deadline);
  ASSERT_TRUE(id.ok()) << id.status();
  const auto opened = OpenBlob(blobs_.get(), *id);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const ByteSource& blob = **opened;
  ASSERT_EQ(blob.size(), bytes.size());
  for (const auto& [offset, length] : {std::pair<size_t, size_t>{0, 1},
                                       {5, kBlobChunkBytes},
                                       {kBlobChunkBytes - 1, 2},
                                       {17, bytes.size() - 17},
                                       {bytes.size() - 1, 1},
                                       {bytes.size(), 0}}) {
    std::string part(length, '\0');
    ASSERT_EQ(blob.Read(offset, absl::MakeSpan(part.data(), part.size())), absl::OkStatus());
    EXPECT_TRUE(part == bytes.substr(offset, length)) << offset << " " << length;
  }
  std::string part(18, '\0');
  EXPECT_EQ(blob.Read(bytes.size() - 17, absl::MakeSpan(part.data(), part.size())).code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_EQ(OpenBlob(blobs_.get(), BlobIdOf("unknown")).status().code(),
            absl::StatusCode::kNotFound);
}

// An offset and a length whose sum is a small number again.
TEST_F(ServerTest, ARangeThatWrapsAroundIsRefused) {
  const auto id = PutBlob(blobs_.get(), "hello", MonotonicNow() + absl::Seconds(20));
  ASSERT_TRUE(id.ok()) << id.status();
  for (const auto& [offset, length] :
       {std::pair<uint64_t, uint64_t>{4, ~uint64_t{0}}, {~uint64_t{0}, 3}, {6, 0}}) {
    grpc::ClientContext context;
    v1::GetBlobRequest request;
    request.set_id(*id);
    request.set_offset(offset);
    request.set_length(length);
    const auto reader = blobs_->Get(&context, request);
    v1::BlobChunk chunk;
    EXPECT_FALSE(reader->Read(&chunk));
    EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::OUT_OF_RANGE);
  }
}

TEST_F(ServerTest, ACheckpointIsSentAsItIsMadeAndItsDigestLast) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  {
    BlobUpload cut_off(blobs_.get(), "checkpoint:a/1", 6);
    EXPECT_TRUE(cut_off.Write("abc"));
  }
  EXPECT_EQ(OpenBlob(blobs_.get(), "run:a").status().code(), absl::StatusCode::kNotFound);
  BlobUpload shorter(blobs_.get(), "checkpoint:a/1", 6);
  EXPECT_TRUE(shorter.Write("abc"));
  EXPECT_EQ(shorter.Finish().status().code(), absl::StatusCode::kDataLoss);
  BlobUpload upload(blobs_.get(), "checkpoint:a/1", 6);
  EXPECT_TRUE(upload.Write("abc"));
  EXPECT_TRUE(upload.Write("def"));
  const auto id = upload.Finish();
  ASSERT_TRUE(id.ok()) << id.status();
  const auto opened = OpenBlob(blobs_.get(), "run:a");
  ASSERT_TRUE(opened.ok()) << opened.status();
  // Another one is newer now; what is open stays what it was.
  ASSERT_TRUE(PutBlobAs(blobs_.get(), "checkpoint:a/2", {"uvwxyz"}).ok());
  std::string bytes(6, '\0');
  ASSERT_EQ((*opened)->Read(0, absl::MakeSpan(bytes.data(), bytes.size())), absl::OkStatus());
  EXPECT_EQ(bytes, "abcdef");
  EXPECT_EQ(*GetBlob(blobs_.get(), "checkpoint:a/1"), "abcdef");
  EXPECT_EQ(*GetBlob(blobs_.get(), "run:a"), "uvwxyz");
}

TEST_F(ServerTest, ACheckpointIsTakenFromTheRunningRunOnly) {
  const absl::Time deadline = MonotonicNow() + absl::Seconds(20);
  EXPECT_EQ(PutBlobAs(blobs_.get(), "checkpoint:a/1", {"w"}, deadline).status().code(),
            absl::StatusCode::kInvalidArgument);
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  ASSERT_TRUE(PutBlobAs(blobs_.get(), "checkpoint:a/1", {"w"}, deadline).ok());
  EXPECT_EQ(*GetBlob(blobs_.get(), "run:a", deadline), "w");
}

TEST_F(ServerTest, HealthIsServingUntilTheServerIsGone) {
  const std::string address = server_->address();
  EXPECT_EQ(CheckHealth(address, absl::Seconds(20)), absl::OkStatus());
  server_.reset();
  const absl::Status gone = CheckHealth(address, absl::Seconds(20));
  EXPECT_EQ(gone.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(gone.message()), HasSubstr("health of " + address + ": "));
}

TEST_F(ServerTest, StatusTellsVersionAddressesAndWorkers) {
  FakeWorker worker(server_->address());
  worker.Join();
  ASSERT_TRUE(worker.Read().has_welcome());
  grpc::ClientContext context;
  SetDeadline(&context);
  v1::StatusResponse status;
  ASSERT_TRUE(control_->GetStatus(&context, v1::StatusRequest(), &status).ok());
  EXPECT_EQ(status.version(), kVersion);
  EXPECT_EQ(status.address(), server_->address());
  EXPECT_EQ(status.metrics_address(), server_->metrics_address());
  ASSERT_EQ(status.workers_size(), 1);
  EXPECT_EQ(status.workers(0).state(), "idle");
}

TEST_F(ServerTest, AnAddressInUseIsOneError) {
  ServerOptions options = options_;
  options.listen = server_->address();
  const absl::Status status = Server::Start(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr(options.listen));
}

TEST_F(ServerTest, ShutdownStopsTheRunAndWritesItsSummary) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  std::thread stop([this] {
    server_->Shutdown(absl::UnavailableError("the server was shut down (signal 15)"));
  });
  EXPECT_TRUE(first.Read().has_abort());
  EXPECT_EQ(first.Read().body_case(), v1::ServerMessage::BODY_NOT_SET);
  EXPECT_EQ(first.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  stop.join();
  EXPECT_THAT(ReadFile(options_.runs + "/a/summary.json"), HasSubstr("\"status\": \"stopped\""));
}

}  // namespace
}  // namespace edgetp
