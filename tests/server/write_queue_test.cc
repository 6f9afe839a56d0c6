#include "server/write_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace edgetp {
namespace {

using ::testing::ElementsAre;

// gRPC's side of a stream, with a reader who reads when the test says so.
struct FakeReactor {
  void StartWrite(const int* message) { written.push_back(*message); }
  void Finish(const grpc::Status& status) {
    EXPECT_FALSE(finished.has_value());
    finished = status.error_code();
  }
  std::vector<int> written;
  std::optional<grpc::StatusCode> finished;
};

class WriteQueueTest : public ::testing::Test {
 protected:
  void Send(int message) { queue_.Send(std::make_shared<const int>(message)); }

  FakeReactor reactor_;
  int cancelled_ = 0;
  WriteQueue<FakeReactor, int> queue_{&reactor_, 3, [this] { ++cancelled_; }};
};

TEST_F(WriteQueueTest, WritesOneAfterTheOtherAndFinishesLast) {
  for (const int message : {1, 2}) Send(message);
  queue_.Close(grpc::Status::OK);
  Send(3);
  EXPECT_THAT(reactor_.written, ElementsAre(1));
  queue_.OnWriteDone(true);
  EXPECT_THAT(reactor_.written, ElementsAre(1, 2));
  EXPECT_FALSE(reactor_.finished.has_value());
  queue_.OnWriteDone(true);
  EXPECT_EQ(reactor_.finished, grpc::StatusCode::OK);
}

TEST_F(WriteQueueTest, AReaderWhoDoesNotReadIsCutOff) {
  for (const int message : {1, 2, 3}) Send(message);
  EXPECT_FALSE(queue_.closed());
  for (const int message : {4, 5, 6}) Send(message);
  EXPECT_EQ(cancelled_, 1);
  EXPECT_TRUE(queue_.closed());
  EXPECT_FALSE(reactor_.finished.has_value()) << "a write is under way";
  queue_.OnWriteDone(false);  // what the cancellation brings about
  EXPECT_EQ(reactor_.finished, grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(reactor_.written, ElementsAre(1));
}

TEST_F(WriteQueueTest, AWriteThatEndsWhileTheCallIsCancelledFinishesAfterwards) {
  WriteQueue<FakeReactor, int>* self = nullptr;
  WriteQueue<FakeReactor, int> queue(&reactor_, 1, [&] {
    self->OnWriteDone(false);
    EXPECT_FALSE(reactor_.finished.has_value()) << "what cancels is still needed";
  });
  self = &queue;
  queue.Send(std::make_shared<const int>(1));
  queue.Send(std::make_shared<const int>(2));
  EXPECT_EQ(reactor_.finished, grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(WriteQueueTest, ABrokenStreamTakesNoMore) {
  for (const int message : {1, 2, 3}) Send(message);
  queue_.OnWriteDone(false);
  EXPECT_THAT(reactor_.written, ElementsAre(1));
  queue_.Close(grpc::Status::CANCELLED);
  EXPECT_EQ(reactor_.finished, grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace edgetp
