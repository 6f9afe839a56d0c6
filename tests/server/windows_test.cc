// Windows of a corpus that lies on the server's host.
#include <cstdint>
#include <filesystem>

#include "common/data/bytes.h"
#include "common/data/stored_tokens.h"
#include "tests/server/server_fixture.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

class WindowsTest : public ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    folder_ = options_.runs + "/corpus";
    fs::create_directories(folder_);
    Write("train.bin", 1000);
    Write("val.bin", 300);
  }

  void Write(const std::string& name, int count) const {
    std::string bytes;
    for (int i = 0; i < count; ++i) AppendNumber(static_cast<uint16_t>(1 + i % 60), &bytes);
    std::ofstream(folder_ + "/" + name, std::ios::binary) << bytes;
  }
  v1::JobSpec JobOnFiles() {
    v1::JobSpec spec = Job(2);
    v1::CorpusFiles* files = spec.mutable_corpus_files();
    const auto train = StoredTokens::Open(folder_ + "/train.bin").value();
    const auto validation = StoredTokens::Open(folder_ + "/val.bin").value();
    files->set_folder(folder_);
    files->set_train_tokens(train->tokens().size());
    files->set_validation_tokens(validation->tokens().size());
    files->set_digest(DigestOfTokens(*train, *validation).value());
    return spec;
  }
  // What the server answers with.
  grpc::Status Windows(const std::string& job, bool validation, const std::vector<uint64_t>& starts,
                       uint32_t tokens, std::vector<std::string>* windows) {
    grpc::ClientContext context;
    SetDeadline(&context);
    v1::GetWindowsRequest request;
    request.set_job(job);
    request.set_validation(validation);
    request.set_tokens(tokens);
    for (const uint64_t start : starts) request.add_starts(start);
    const auto reader = blobs_->GetWindows(&context, request);
    for (v1::TokenWindow window; reader->Read(&window);) windows->push_back(window.tokens());
    return reader->Finish();
  }

  std::string folder_;
};

TEST_F(WindowsTest, ARunningJobsWorkersReadWindowsInTheirOrder) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second, JobOnFiles());
  std::vector<std::string> windows;
  ASSERT_TRUE(Windows("a", false, {998, 0, 60}, 2, &windows).ok());
  const auto of = [](uint16_t one, uint16_t other) {
    std::string bytes;
    AppendNumber(one, &bytes);
    AppendNumber(other, &bytes);
    return bytes;
  };
  EXPECT_THAT(windows, ::testing::ElementsAre(of(39, 40), of(1, 2), of(1, 2)));
  windows.clear();
  ASSERT_TRUE(Windows("a", true, {299}, 1, &windows).ok());
  EXPECT_EQ(windows.size(), 1u);
}

TEST_F(WindowsTest, WhatIsOutsideOrOfAnotherJobIsRefused) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  std::vector<std::string> windows;
  EXPECT_EQ(Windows("a", false, {0}, 1, &windows).error_code(), grpc::StatusCode::NOT_FOUND);
  StartRun(&first, &second, JobOnFiles());
  const auto code = [&](const std::string& job, bool validation, uint64_t start, uint32_t tokens) {
    return Windows(job, validation, {start}, tokens, &windows).error_code();
  };
  EXPECT_EQ(code("b", false, 0, 1), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(code("", false, 0, 1), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(code("a", false, 999, 2), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(code("a", true, 300, 1), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(code("a", false, UINT64_MAX, 1), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(code("a", false, 0, 0), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_EQ(code("a", false, 0, UINT32_MAX), grpc::StatusCode::OUT_OF_RANGE);
  EXPECT_TRUE(windows.empty());
}

TEST_F(WindowsTest, FilesThatChangeWhileAJobReadsThemAreNoticed) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second, JobOnFiles());
  Write("val.bin", 299);
  std::vector<std::string> windows;
  EXPECT_EQ(Windows("a", false, {0}, 1, &windows).error_code(), grpc::StatusCode::DATA_LOSS);
}

TEST_F(WindowsTest, AJobWhoseFilesAreNotHereIsRefusedAtOnce) {
  v1::SubmitResponse response;
  v1::JobSpec spec = JobOnFiles();
  spec.mutable_corpus_files()->set_folder(folder_ + "/other");
  grpc::Status status = Submit(spec, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(),
              ::testing::HasSubstr("this server cannot read the corpus at"));
  spec = JobOnFiles();
  spec.mutable_corpus_files()->set_digest(std::string(64, 'a'));
  status = Submit(spec, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), ::testing::HasSubstr("it has other files there (1000 + 300"));
}

TEST_F(WindowsTest, AJobWithoutFilesHasNoWindows) {
  FakeWorker first(server_->address());
  FakeWorker second(server_->address());
  StartRun(&first, &second);
  std::vector<std::string> windows;
  EXPECT_EQ(Windows("a", false, {0}, 1, &windows).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace edgetp
