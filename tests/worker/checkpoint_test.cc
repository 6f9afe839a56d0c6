#include "worker/job/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgetp {
namespace {

using ::testing::HasSubstr;

TEST(CheckpointTest, WeightsOfAnotherVocabularyAreRefused) {
  EXPECT_TRUE(CheckSameSymbols({"a", "b"}, {"a", "b"}).ok());
  for (const std::vector<std::string>& other : {std::vector<std::string>{"b", "a"}, {"a"}}) {
    const absl::Status status = CheckSameSymbols({"a", "b"}, other);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("the corpus numbers 2 characters otherwise than the weights"));
  }
}

TEST(CheckpointTest, AnUnknownVocabularyMayBeAny) {
  EXPECT_TRUE(CheckSameSymbols({}, {"a"}).ok());
  EXPECT_TRUE(CheckSameSymbols({"a"}, {}).ok());
}

}  // namespace
}  // namespace edgetp
