// Decoding with keys and values that are kept, against the forward pass over the whole context:
// every letter, world size and vocabulary, rows of different lengths.
#include "worker/model/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/model/model_fixture.h"
#include "worker/model/key_value_cache.h"

namespace edgetp::test {
namespace {

using Contexts = std::vector<std::vector<int64_t>>;
using DecodeResult = absl::StatusOr<std::vector<float>>;

constexpr double kDecodeRounding = 3e-5;

// A decoder per rank of a group with strong weights.
class DecoderGroup {
 public:
  DecoderGroup(const TrainerOptions& options, int world_size, const DecoderOptions& decoder)
      : group_(options, world_size), decoders_(world_size) {
    group_.Load(StrongWeights(options.shape));
    for (int rank = 0; rank < world_size; ++rank) {
      auto made = group_.trainer(rank).NewDecoder(decoder);
      EXPECT_TRUE(made.ok()) << made.status();
      decoders_[rank] = *std::move(made);
    }
  }

  TrainerGroup& group() { return group_; }
  Decoder& decoder(int rank) { return *decoders_[rank]; }

  std::vector<float> Begin(const std::vector<int>& rows, const Contexts& contexts) {
    return OnAllRanks([&](Decoder& decoder) { return decoder.Begin(rows, contexts); });
  }
  std::vector<float> Append(const std::vector<int>& rows, const std::vector<int64_t>& tokens) {
    return OnAllRanks([&](Decoder& decoder) { return decoder.Append(rows, tokens); });
  }

 private:
  // Demands success, and the same bits everywhere.
  std::vector<float> OnAllRanks(const std::function<DecodeResult(Decoder&)>& body) {
    std::vector<DecodeResult> results(decoders_.size());
    group_.threads().Run([&](int rank) { results[rank] = body(*decoders_[rank]); });
    for (const DecodeResult& result : results) {
      EXPECT_TRUE(result.ok()) << result.status();
      if (!result.ok()) return {};
      EXPECT_EQ(*result, *results[0]);
    }
    return *results[0];
  }

  TrainerGroup group_;
  std::vector<std::unique_ptr<Decoder>> decoders_;
};

struct DecodeCase {
  std::string pattern;
  int world_size = 1;
  bool vocabulary_parallel = false;
};

std::vector<DecodeCase> DecodeCases() {
  std::vector<DecodeCase> cases;
  const char* const patterns[] = {"tt",   "ss",       "ppp",       "gg",        "lll",
                                  "dd",   "t~1*3",    "t~2*2",     "t@0.5*2",   "tsppgl",
                                  "lt~1", "spt@0.25", "dt~1pplsg", "t@0.5gt~2s"};
  for (const char* pattern : patterns) {
    for (int world_size = 1; world_size <= 4; ++world_size) cases.push_back({pattern, world_size});
  }
  for (int world_size = 2; world_size <= 4; ++world_size)
    cases.push_back({"tsl", world_size, true});
  return cases;
}

std::string NameOfCase(const testing::TestParamInfo<DecodeCase>& info) {
  return "case" + std::to_string(info.index);
}

class DecoderTest : public testing::TestWithParam<DecodeCase> {
 protected:
  DecoderTest() {
    SCOPED_TRACE(GetParam().pattern);
    options_ = TinyOptions(GetParam().pattern, GetParam().world_size);
    options_.vocabulary_parallel = GetParam().vocabulary_parallel;
    decoders_ = std::make_unique<DecoderGroup>(options_, GetParam().world_size,
                                               DecoderOptions{.rows = 3, .capacity = 8});
  }

  // Each row's logits are those of the forward pass over its whole context.
  void ExpectWhole(const std::vector<float>& logits, const Contexts& contexts) {
    const size_t V = options_.shape.vocabulary;
    ASSERT_EQ(logits.size(), contexts.size() * V);
    for (size_t row = 0; row < contexts.size(); ++row) {
      const std::vector<float> want = decoders_->group().NextTokenLogits(contexts[row]);
      for (size_t i = 0; i < V; ++i)
        EXPECT_NEAR(logits[row * V + i], want[i], kDecodeRounding)
            << GetParam().pattern << " row " << row << " of " << contexts[row].size();
    }
  }

  TrainerOptions options_;
  std::unique_ptr<DecoderGroup> decoders_;
};

TEST_P(DecoderTest, WhatIsKeptGivesTheLogitsOfTheWholeContext) {
  Contexts contexts = {{3, 1, 4, 1}, {2}, {7, 1, 8, 2, 8}};
  ExpectWhole(decoders_->Begin({0, 1, 2}, contexts), contexts);
  for (int step = 0; step < 3; ++step) {
    std::vector<int64_t> tokens;
    for (size_t row = 0; row < contexts.size(); ++row) {
      tokens.push_back((5 * step + 3 * row + 1) % options_.shape.vocabulary);
      contexts[row].push_back(tokens.back());
    }
    ExpectWhole(decoders_->Append({0, 1, 2}, tokens), contexts);
  }
}

TEST_P(DecoderTest, RowsEndAndBeginAnewWhileOthersGoOn) {
  decoders_->Begin({0, 1, 2}, {{3, 1}, {2, 7, 1, 8}, {5}});
  ExpectWhole(decoders_->Append({0, 2}, {4, 6}), {{3, 1, 4}, {5, 6}});
  ExpectWhole(decoders_->Begin({1}, {{9, 9, 3}}), {{9, 9, 3}});
  ExpectWhole(decoders_->Append({2, 1}, {5, 1}), {{5, 6, 5}, {9, 9, 3, 1}});
}

TEST_P(DecoderTest, PassesAllReduceWhatTheirPlanSays) {
  PlanOptions plan{.shape = options_.shape,
                   .pattern = options_.pattern,
                   .world_size = GetParam().world_size,
                   .split = options_.split,
                   .vocabulary_parallel = options_.vocabulary_parallel,
                   .batch = 2};
  const auto compare = [&](const DecodePass& pass) {
    ExpectPlanned(BuildDecodePlan(plan, pass), decoders_->group().threads().log());
    decoders_->group().threads().ClearLog();
  };
  decoders_->group().threads().ClearLog();
  decoders_->Begin({0, 2}, {{1, 2, 3}, {4, 5, 6, 7, 8}});
  compare({.new_tokens = 5, .cached = 0, .capacity = 8});
  decoders_->Append({0, 2}, {1, 2});
  compare({.new_tokens = 1, .cached = 5, .capacity = 8});
}

INSTANTIATE_TEST_SUITE_P(Patterns, DecoderTest, testing::ValuesIn(DecodeCases()), NameOfCase);

TEST(DecoderRulesTest, AcceleratorsAttendAsTheHostDoes) {
  torch::manual_seed(3);
  KeyValueCache cache({.layers = 2, .rows = 4, .heads = 3, .capacity = 6, .head_size = 5},
                      torch::Device(torch::kCPU));
  for (torch::Tensor& each : cache.keys) each.normal_();
  for (torch::Tensor& each : cache.values) each.normal_();
  CachedPass pass{.cache = &cache, .rows = {2, 0, 3}, .positions = {5, 0, 3}};
  const torch::Tensor projected = torch::randn({3, 3 * 3 * 5});
  const torch::Tensor host = pass.Attend(1, 3, projected);
  EXPECT_LT((pass.AttendOnDevice(1, 3, projected) - host).abs().max().item<double>(), 1e-5);
}

TEST(DecoderRulesTest, WithoutRoomEachTokenNeedsItsWholeContext) {
  const TrainerOptions options = TinyOptions("ts", 2);
  DecoderGroup decoders(options, 2, {.rows = 2, .capacity = 0});
  const std::vector<float> logits = decoders.Begin({0, 1}, {{1, 2, 3}, {4}});
  const std::vector<float> want = decoders.group().NextTokenLogits({1, 2, 3});
  for (size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(logits[i], want[i], kDecodeRounding);
  EXPECT_TRUE(absl::IsFailedPrecondition(decoders.decoder(0).Append({0}, {1}).status()));
}

TEST(DecoderRulesTest, WhatCannotBeIsRefusedBeforeAnythingIsExchanged) {
  const TrainerOptions options = TinyOptions("ts", 1);
  DecoderGroup decoders(options, 1, {.rows = 2, .capacity = 4});
  Decoder& decoder = decoders.decoder(0);
  const auto message = [](const DecodeResult& result) {
    return std::string(result.status().message());
  };
  using testing::HasSubstr;
  EXPECT_THAT(message(decoder.Begin({0}, {{}})), HasSubstr("a context of 0 tokens: 1 to 4"));
  EXPECT_THAT(message(decoder.Begin({0}, {{1, 2, 3, 4, 5}})), HasSubstr("5 tokens: 1 to 4"));
  EXPECT_THAT(message(decoder.Begin({0}, {{11}})), HasSubstr("token 11 is outside"));
  EXPECT_THAT(message(decoder.Begin({2}, {{1}})), HasSubstr("row 2 of 2"));
  EXPECT_THAT(message(decoder.Begin({1, 1}, {{1}, {1}})), HasSubstr("row 1 of 2 twice"));
  EXPECT_THAT(message(decoder.Append({1}, {1})), HasSubstr("it has to begin first"));
  ASSERT_TRUE(decoder.Begin({1}, {{1, 2, 3}}).ok());
  ASSERT_TRUE(decoder.Append({1}, {4}).ok());
  EXPECT_THAT(message(decoder.Append({1}, {5})), HasSubstr("row 1 has 4 of 4 tokens"));
  EXPECT_TRUE(
      absl::IsInvalidArgument(decoders.group().trainer(0).NewDecoder({.capacity = 9}).status()));
}

}  // namespace
}  // namespace edgetp::test
