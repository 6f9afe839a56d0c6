#include "worker/job/remote_tokens.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "common/data/batches.h"
#include "common/data/corpus.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

// Serves windows of a corpus, on loopback.
class WindowServer final : public v1::Blobs::Service {
 public:
  explicit WindowServer(const Corpus& corpus) : corpus_(corpus) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    stub_ = v1::Blobs::NewStub(grpc::CreateChannel("127.0.0.1:" + std::to_string(port),
                                                   grpc::InsecureChannelCredentials()));
  }
  ~WindowServer() override { server_->Shutdown(); }

  grpc::Status GetWindows(grpc::ServerContext* context, const v1::GetWindowsRequest* request,
                          grpc::ServerWriter<v1::TokenWindow>* writer) override {
    ++requests;
    while (silent && !context->IsCancelled()) std::this_thread::yield();
    const Split split = request->validation() ? Split::kValidation : Split::kTrain;
    for (const uint64_t start : request->starts()) {
      if (static_cast<int64_t>(start + request->tokens()) > corpus_.size(split))
        return {grpc::StatusCode::OUT_OF_RANGE, "beyond the end"};
      const auto tokens = corpus_.tokens(split).subspan(start, request->tokens() - (cut ? 1 : 0));
      v1::TokenWindow window;
      window.set_tokens(tokens.data(), tokens.size() * sizeof(uint16_t));
      writer->Write(window);
    }
    return grpc::Status::OK;
  }
  v1::Blobs::Stub* stub() { return stub_.get(); }

  std::atomic<int> requests = 0;
  std::atomic<bool> silent = false;  // nothing comes until the client gives up
  bool cut = false;                  // windows lack their last token

 private:
  const Corpus& corpus_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::Blobs::Stub> stub_;
};

class RemoteTokensTest : public ::testing::Test {
 protected:
  static Corpus SomeCorpus() {
    std::string text;
    for (int i = 0; i < 5000; ++i) text += static_cast<char>('a' + (i * i + i / 7) % 26);
    return *Corpus::FromText(text);
  }
  std::unique_ptr<RemoteTokens> Open(int vocabulary = 26) {
    v1::CorpusFiles files;
    files.set_train_tokens(corpus_.size(Split::kTrain));
    files.set_validation_tokens(corpus_.size(Split::kValidation));
    return std::make_unique<RemoteTokens>(server_.stub(), "a", files, vocabulary);
  }

  const Corpus corpus_ = SomeCorpus();
  WindowServer server_{corpus_};
};

TEST_F(RemoteTokensTest, BatchesAreThoseOfTheCorpusBitForBit) {
  const auto remote = Open();
  EXPECT_EQ(CountEvaluationWindows(*remote, 16), CountEvaluationWindows(corpus_, 16));
  for (int step = 0; step < 4; ++step) {
    const BatchKey key{.seed = 3, .step = step};
    const TokenBatch here = TrainingBatch(corpus_, key, 5, 16).value();
    const TokenBatch there = TrainingBatch(*remote, key, 5, 16).value();
    EXPECT_EQ(there.inputs, here.inputs);
    EXPECT_EQ(there.targets, here.targets);
    EXPECT_EQ(there.batch, 5);
  }
  EXPECT_EQ(EvaluationBatch(*remote, {0, 29}, 16)->inputs,
            EvaluationBatch(corpus_, {0, 29}, 16)->inputs);
}

TEST_F(RemoteTokensTest, WhatWasPrefetchedNeedsNoRequestOfItsOwn) {
  const auto remote = Open();
  std::vector<std::vector<int64_t>> steps;
  for (int step = 0; step < 6; ++step) {
    steps.push_back(TrainingStarts(corpus_.size(Split::kTrain), {.seed = 3, .step = step}, 4, 16));
    remote->Prefetch(Split::kTrain, steps.back(), 17);
  }
  for (const auto& starts : steps) {
    EXPECT_EQ(remote->ReadWindows(Split::kTrain, starts, 17).value(),
              corpus_.ReadWindows(Split::kTrain, starts, 17).value());
  }
  EXPECT_LE(server_.requests.load(), 6);
  const int before = server_.requests;
  EXPECT_TRUE(remote->ReadWindows(Split::kTrain, steps[0], 17).ok());  // once each
  EXPECT_EQ(server_.requests.load(), before + 1);
}

TEST_F(RemoteTokensTest, ATokenThatTheModelDoesNotKnowIsNamedWithItsPlace) {
  const auto remote = Open(/*vocabulary=*/20);
  int64_t place = 0;
  while (corpus_.tokens(Split::kTrain)[place] < 20) ++place;
  const auto windows = remote->ReadWindows(Split::kTrain, {place - 3, place - 1}, 4);
  EXPECT_EQ(windows.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(windows.status().message()),
              HasSubstr("at position " + std::to_string(place) +
                        " of the training split is outside model.vocabulary=20"));
}

TEST_F(RemoteTokensTest, WhatTheServerRefusesIsAnErrorAlsoWhenItWasPrefetched) {
  const auto remote = Open();
  remote->Prefetch(Split::kTrain, {1 << 20}, 4);
  EXPECT_EQ(remote->ReadWindows(Split::kTrain, {1 << 20}, 4).status().code(),
            absl::StatusCode::kOutOfRange);
  server_.cut = true;
  EXPECT_EQ(remote->ReadWindows(Split::kTrain, {0}, 4).status().code(),
            absl::StatusCode::kDataLoss);
}

TEST_F(RemoteTokensTest, TheEndOfAJobDoesNotWaitForWindows) {
  server_.silent = true;
  const auto remote = Open();
  remote->Prefetch(Split::kTrain, {0}, 4);
  while (server_.requests == 0) std::this_thread::yield();
  // Its destructor gives the request up.
}

}  // namespace
}  // namespace edgetp
