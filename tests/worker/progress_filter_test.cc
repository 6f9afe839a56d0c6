#include <gtest/gtest.h>

#include "worker/job/job_sink.h"

namespace edgetp {
namespace {

v1::JobProgress At(const std::string& activity, double done) {
  v1::JobProgress progress;
  progress.set_activity(activity);
  progress.set_done(done);
  progress.set_total(10);
  return progress;
}

TEST(ProgressFilterTest, TheFirstTheLastAndSomeInBetweenPass) {
  ProgressFilter filter;
  const absl::Time begin = absl::UnixEpoch();
  EXPECT_TRUE(filter.Passes(begin, At("evaluating", 0)));
  EXPECT_FALSE(filter.Passes(begin + absl::Milliseconds(100), At("evaluating", 1)));
  EXPECT_TRUE(filter.Passes(begin + absl::Milliseconds(250), At("evaluating", 2)));
  EXPECT_FALSE(filter.Passes(begin + absl::Milliseconds(260), At("evaluating", 3)));
  EXPECT_TRUE(filter.Passes(begin + absl::Milliseconds(270), At("evaluating", 10)));
  EXPECT_TRUE(filter.Passes(begin + absl::Milliseconds(280), At("saving", 0)));
}

}  // namespace
}  // namespace edgetp
