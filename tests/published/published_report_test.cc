#include "common/published/published_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/config/load.h"
#include "common/config/validate.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

v1::Published Parse(const std::string& rows) {
  v1::Published published;
  EXPECT_EQ(
      ParseTextproto("name: 'x' source: 'somebody' kind: KIND_MEASURED "
                     "networks { name: 'lan' link { delay_us: 1000 rate_bits_per_second: 8e6 } } "
                     "sets { name: 'rows' " +
                         rows + " }",
                     "text", &published),
      absl::OkStatus());
  EXPECT_EQ(ValidatePublished(published, "x"), absl::OkStatus());
  return published;
}

v1::ValidateSource Predicted(const std::string& rows) { return HoldAgainst(Parse(rows)).value(); }

// A MiB at a MB/s.
TEST(PublishedReportTest, AMessageTakesItsBytesByTheReceiversClock) {
  const v1::ValidateSource source =
      Predicted("rows { network: 'lan' seconds: 1 message { size_mib: 1 } }");
  EXPECT_NEAR(source.sets(0).rows(0).predicted(), 1.048576, 1e-6);
  EXPECT_NEAR(source.sets(0).rows(0).error_share(), 0.048576, 1e-6);
}

TEST(PublishedReportTest, AnAllReduceIsThatOfTheRegistry) {
  const v1::ValidateSource source = Predicted(
      "rows { network: 'lan' ms: 500 all_reduce { nodes: 2 size_mib: 1 algorithm: 'two_phase' } }");
  EXPECT_NEAR(source.sets(0).rows(0).predicted(), 1.048576 + 0.002, 1e-6);
  EXPECT_EQ(source.sets(0).rows(0).label(), "2 nodes, 1 MiB");
  EXPECT_EQ(source.sets(0).rows(0).unit(), "s");
}

// Half of the exchanges.
TEST(PublishedReportTest, OneOfTwoAllReducesTakesHalfTheTime) {
  const v1::ValidateSource source = Predicted(
      "rows { tokens_per_second: 1 syncs { layers: 4 ranks: 2 batch: 1 letter: 'g' "
      "blocking_tokens_per_second: 1 without_tokens_per_second: 2 } }");
  EXPECT_NEAR(source.sets(0).rows(0).predicted(), 1 / 0.75, 1e-6);
}

// What is hidden is the shorter of both, times the efficiency.
TEST(PublishedReportTest, ExchangesUnderComputeCostWhatIsNotHidden) {
  const auto predicted = [](const std::string& efficiency) {
    return Predicted(
               "rows { tokens_per_second: 1 syncs { layers: 64 ranks: 2 batch: 1 letter: 'l' "
               "blocking_tokens_per_second: 1 without_tokens_per_second: 1.25 " +
               efficiency + " } }")
        .sets(0)
        .rows(0)
        .predicted();
  };
  EXPECT_NEAR(predicted(""), 1.25, 0.01);
  EXPECT_NEAR(predicted("overlap_efficiency: 0.7"), 1 / (0.8 + 0.3 * 0.2), 0.01);
}

TEST(PublishedReportTest, TheShareOfComputingFollowsFromOneInput) {
  const v1::ValidateSource source = Predicted(
      "rows { use: USE_INPUT share: 0.75 rounds { inner_steps: 9 exchange_seconds: 10 } } "
      "rows { share: 0.6 rounds { inner_steps: 9 exchange_seconds: 30 } }");
  EXPECT_NEAR(source.sets(0).rows(0).predicted(), 0.75, 1e-9);
  EXPECT_NEAR(source.sets(0).rows(1).predicted(), 0.5, 1e-9);
  EXPECT_EQ(source.predicted_rows(), 1);
}

TEST(PublishedReportTest, InputsAndWhatIsSetAsideDoNotCount) {
  const v1::ValidateSource source = Predicted(
      "rows { network: 'lan' ms: 1048.576 message { size_mib: 1 } } "
      "rows { network: 'lan' ms: 524.288 message { size_mib: 1 } } "
      "rows { network: 'lan' ms: 1 use: USE_ASIDE why: 'a slip' message { size_mib: 1 } }");
  EXPECT_EQ(source.sets(0).predicted_rows(), 2);
  EXPECT_NEAR(source.mean_error(), 0.5, 1e-6);
  EXPECT_NEAR(source.worst_error(), 1, 1e-6);
  EXPECT_EQ(source.sets(0).rows(2).use(), "aside");
  EXPECT_EQ(source.sets(0).rows(2).why(), "a slip");
}

// Tensor-parallel ranks: compute as given, and the sums of one layer, twice each way.
TEST(PublishedReportTest, ATrainingStepIsTheInputAndItsExchanges) {
  const std::string work =
      "training { model: 'm' layers: 1 channels: 128 sequence: 64 tensor: 2 micro_batches: 3 "
      "algorithm: 'two_phase' } }";
  const v1::ValidateSource source = Predicted("rows { use: USE_INPUT seconds: 2 " + work +
                                              "rows { network: 'lan' seconds: 2 " + work);
  const double all_reduce_seconds = 64 * 128 * 4 / 1e6 + 0.002;
  EXPECT_NEAR(source.sets(0).rows(0).predicted(), 2, 1e-5);
  EXPECT_NEAR(source.sets(0).rows(1).predicted(), 2 + 3 * 4 * all_reduce_seconds, 1e-4);
}

TEST(PublishedReportTest, AnInputThatNoComputeTimeExplainsIsNamed) {
  const std::string work =
      "training { model: 'm' layers: 1 channels: 128 sequence: 64 tensor: 2 micro_batches: 3 } }";
  const auto source =
      HoldAgainst(Parse("rows { use: USE_INPUT network: 'lan' seconds: 0.01 " + work));
  EXPECT_THAT(std::string(source.status().message()),
              HasSubstr("rows: m, 1 layers T2: no compute time fits: a step takes "));
}

}  // namespace
}  // namespace edgetp
