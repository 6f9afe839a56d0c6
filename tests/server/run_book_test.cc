#include "server/run_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgetp {
namespace {

class Watcher final : public Sink<v1::RunEvent> {
 public:
  void Send(std::shared_ptr<const v1::RunEvent> event) override { events.push_back(*event); }
  void Close(const absl::Status&) override {}
  bool closed() const override { return false; }

  std::vector<v1::RunEvent> events;
};

TEST(RunBookTest, ProgressIsForThoseWhoWatchWhileItHappens) {
  RunBook book(testing::TempDir());
  v1::JobSpec spec;
  spec.mutable_eval();
  ASSERT_TRUE(book.Open("a", spec, absl::UnixEpoch()).ok());
  const auto early = std::make_shared<Watcher>();
  ASSERT_TRUE(book.Watch("a", early).ok());
  v1::RunEvent progress;
  progress.mutable_progress()->set_activity("evaluating");
  ASSERT_TRUE(book.Record("a", progress).ok());
  v1::RunEvent phase;
  phase.mutable_phase()->set_name(v1::Phase::NAME_RUNNING);
  ASSERT_TRUE(book.Record("a", phase).ok());
  const auto late = std::make_shared<Watcher>();
  ASSERT_TRUE(book.Watch("a", late).ok());
  EXPECT_EQ(early->events.size(), 2u);
  ASSERT_EQ(late->events.size(), 1u);
  EXPECT_TRUE(late->events[0].has_phase());
}

}  // namespace
}  // namespace edgetp
