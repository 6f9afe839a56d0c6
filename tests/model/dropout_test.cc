// The masks of groups of rows are those of the micro-batch without groups.
#include "worker/model/dropout.h"

#include <gtest/gtest.h>

namespace edgetp::test {
namespace {

constexpr int64_t kSequences = 5, kSequence = 3, kChannels = 8;

ForwardPass WholePass() {
  return {.phase = Phase::kForward,
          .batch = kSequences,
          .sequence = kSequence,
          .dropout = 0.3,
          .dropout_key = 7};
}

ForwardPass RowsOf(int64_t first, int64_t count, const std::shared_ptr<DropoutMasks>& masks) {
  ForwardPass pass = WholePass();
  pass.batch = count;
  pass.first_row = first;
  pass.all_rows = kSequences;
  pass.masks = masks;
  return pass;
}

// Shapes: -> (B*T, C).
torch::Tensor Ones(int64_t sequences) { return torch::ones({sequences * kSequence, kChannels}); }

TEST(DropoutTest, GroupsOfRowsAreMaskedAsTheirMicroBatch) {
  const auto masks = std::make_shared<DropoutMasks>();
  const torch::Tensor want =
      DropReplicated(Ones(kSequences), WholePass(), 2, DropoutSite::kMlpOutput);
  const torch::Tensor first =
      DropReplicated(Ones(3), RowsOf(0, 3, masks), 2, DropoutSite::kMlpOutput);
  const torch::Tensor second =
      DropReplicated(Ones(2), RowsOf(3, 2, masks), 2, DropoutSite::kMlpOutput);
  EXPECT_TRUE(torch::cat({first, second}).equal(want));
  EXPECT_FALSE(first.equal(Ones(3)));
}

TEST(DropoutTest, AMaskIsDrawnForTheFirstGroupAndGoneAfterTheLast) {
  const auto masks = std::make_shared<DropoutMasks>();
  for (int64_t row = 0; row < kSequences; ++row) {
    DropReplicated(Ones(1), RowsOf(row, 1, masks), 0, DropoutSite::kEmbedding);
    DropLocal(Ones(1), RowsOf(row, 1, masks), 0, DropoutSite::kEmbedding, /*rank=*/1);
    EXPECT_EQ(masks->size(), row + 1 < kSequences ? 2u : 0u) << row;
  }
}

}  // namespace
}  // namespace edgetp::test
