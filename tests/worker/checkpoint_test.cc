#include "worker/job/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/data/gpt2_weights.h"

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

TEST(CheckpointTest, WhatErrorFeedbackHasKeptIsNoMoment) {
  v1::RunConfig config;
  config.mutable_model()->set_heads(1);
  std::vector<NamedTensor> tensors =
      Gpt2TensorShapes({.layers = 1, .heads = 1, .channels = 2, .sequence = 3, .vocabulary = 5});
  for (NamedTensor& tensor : tensors) {
    int64_t elements = 1;
    for (const int64_t size : tensor.shape) elements *= size;
    tensor.values.resize(elements);
  }
  const size_t weights = tensors.size();
  tensors.push_back({"optimizer.exp_avg.wte.weight", {1}, {7}});
  tensors.push_back({"optimizer.residual.3", {2, 1}, {8, 9}});
  const std::vector<StoredTensor> stored = InMemory(tensors).value();
  auto bytes = CheckpointHeader(config, {}, {"gpt2", std::string(64, 'a')}, /*step=*/4,
                                {stored.begin(), stored.end()});
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  for (const NamedTensor& tensor : tensors)
    bytes->append(reinterpret_cast<const char*>(tensor.values.data()), 4 * tensor.values.size());
  const auto checkpoint = OpenCheckpoint(BytesInMemory(*bytes));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_EQ(checkpoint->step, 4);
  EXPECT_EQ(checkpoint->tokenizer, (TokenizerId{"gpt2", std::string(64, 'a')}));
  EXPECT_EQ(checkpoint->weights.size(), weights);
  ASSERT_EQ(checkpoint->optimizer_state.size(), 1u);
  EXPECT_EQ(ReadTensor(checkpoint->optimizer_state[0])->values, std::vector<float>{7});
  ASSERT_EQ(checkpoint->residuals.size(), 1u);
  EXPECT_EQ(ReadTensor(checkpoint->residuals[0])->values, (std::vector<float>{8, 9}));
}

}  // namespace
}  // namespace edgetp
