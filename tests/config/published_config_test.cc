// The files of configs/published and the rules that they keep.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "common/config/load.h"
#include "common/config/published_rows.h"
#include "common/config/validate.h"
#include "tests/config/shipped.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

v1::Published Parse(const std::string& text) {
  v1::Published published;
  EXPECT_EQ(ParseTextproto(text, "text", &published), absl::OkStatus());
  return published;
}

constexpr char kHead[] =
    "name: 'x' source: 'somebody' kind: KIND_MEASURED networks { name: 'lan' link { delay_us: 1 } } ";

// What is wrong with one set of rows.
std::string ErrorOfRows(const std::string& rows) {
  const v1::Published published = Parse(std::string(kHead) + "sets { name: 'rows' " + rows + " }");
  const absl::Status status = ValidatePublished(published, "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(PublishedConfigTest, ShippedSourcesLoadAndKeepTheRules) {
  const auto names = Shipped().Names(ConfigKind::kPublished);
  EXPECT_GE(names.size(), 7u);
  for (const std::string& name : names) {
    const auto published = Shipped().Published(name);
    ASSERT_TRUE(published.ok()) << published.status();
    EXPECT_EQ(published->name(), name);
    EXPECT_FALSE(published->title().empty()) << name;
    EXPECT_EQ(ValidatePublished(*published, name), absl::OkStatus());
  }
}

TEST(PublishedConfigTest, LlamasThatAScenarioNamesAreThePresets) {
  const v1::BoardScenario scenario = Shipped().Scenario("raspberry-pi-tp").value();
  ASSERT_EQ(scenario.models_size(), 4);
  EXPECT_EQ(scenario.models(0).hidden(), 11008);
  EXPECT_EQ(scenario.models(3).vocabulary(), 128256);
}

TEST(PublishedConfigTest, ARowHasWhatItsSetSays) {
  const std::string path = testing::TempDir() + "/common.textproto";
  std::ofstream(path) << kHead << "sets { name: 'rows' "
                      << "common { network: 'lan' all_reduce { nodes: 4 algorithm: 'ring' } } "
                      << "rows { ms: 5 all_reduce { size_mib: 1 } } "
                      << "rows { ms: 6 all_reduce { nodes: 8 size_mib: 1 } } }";
  const v1::Published published = Shipped().Published(path).value();
  EXPECT_EQ(ValidatePublished(published, "x"), absl::OkStatus());
  const v1::PublishedSet& set = published.sets(0);
  EXPECT_EQ(set.rows(0).all_reduce().nodes(), 4);
  EXPECT_EQ(set.rows(1).all_reduce().nodes(), 8);
  EXPECT_EQ(set.rows(1).all_reduce().algorithm(), "ring");
  EXPECT_EQ(set.rows(1).network(), "lan");
}

TEST(PublishedConfigTest, MillisecondsBecomeSeconds) {
  v1::PublishedRow row;
  row.set_ms(1500);
  EXPECT_DOUBLE_EQ(MeasurementOf(row).value, 1.5);
  EXPECT_STREQ(MeasurementOf(row).unit, "s");
}

TEST(PublishedRuleTest, ASourceSaysWhoMeasured) {
  const absl::Status status =
      ValidatePublished(Parse("kind: KIND_MEASURED sets { name: 'a' }"), "mine");
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("mine: source: must say who measured it, and where it is published"));
  v1::Published published = Shipped().Published("distributed-llama").value();
  published.mutable_boards(1)->clear_source();
  EXPECT_THAT(std::string(ValidatePublished(published, "mine").message()),
              HasSubstr("mine: boards[1].source: must say who measured it"));
}

TEST(PublishedRuleTest, AFaultIsNamedWithItsRow) {
  EXPECT_THAT(
      ErrorOfRows("rows { ms: 5 message { size_mib: 1 } } rows { message { size_mib: 1 } }"),
      HasSubstr("x: sets[0].rows[1].measured: must be a finite number above 0"));
  EXPECT_THAT(ErrorOfRows("rows { ms: 5 message { size_mib: 0 } }"),
              HasSubstr("sets[0].rows[0].message.size_mib: must be a finite number above 0"));
  EXPECT_THAT(ErrorOfRows("rows { ms: 5 }"), HasSubstr("sets[0].rows[0].work: must be set"));
  EXPECT_THAT(ErrorOfRows("rows { network: 'wan' ms: 5 message { size_mib: 1 } }"),
              HasSubstr("network: must name one of the file's networks (got wan)"));
  EXPECT_THAT(ErrorOfRows("rows { ms: 5 all_reduce { nodes: 2 size_mib: 1 algorithm: 'rng' } }"),
              HasSubstr("all_reduce.algorithm: "));
  EXPECT_THAT(ErrorOfRows("rows { kib: 5 traffic { model: 'm' boards: 2 wire: 'fp32' } }"),
              HasSubstr("traffic.model: must name one of the file's models (got m)"));
  EXPECT_THAT(ErrorOfRows(""), HasSubstr("sets[0].rows: must hold at least one"));
}

TEST(PublishedRuleTest, AMeasurementHasAUnitOfItsWork) {
  EXPECT_THAT(ErrorOfRows("rows { kib: 5 message { size_mib: 1 } }"),
              HasSubstr("measured: of message must be in s (got KiB)"));
}

TEST(PublishedRuleTest, WhatDoesNotCountSaysWhy) {
  EXPECT_THAT(ErrorOfRows("rows { use: USE_ASIDE ms: 5 message { size_mib: 1 } }"),
              HasSubstr("why: must say why the row does not count"));
}

TEST(PublishedRuleTest, ATrainingStepNeedsTheComputeTimeOfTheSameWork) {
  const std::string work =
      "training { model: 'm' layers: 2 channels: 64 sequence: 8 micro_batches: ";
  EXPECT_THAT(
      ErrorOfRows("rows { use: USE_INPUT seconds: 1 " + work + "1 } } rows { seconds: 2 " + work +
                  "2 } }"),
      HasSubstr("rows[1].use: needs a row of its set with use: USE_INPUT and the same work"));
  EXPECT_THAT(ErrorOfRows("rows { use: USE_INPUT seconds: 1 " + work + "1 pipeline: 4 } }"),
              HasSubstr("training.layers: must be a multiple of the 4 stages (got 2)"));
}

TEST(PublishedRuleTest, WhatTakesNoExchangeIsNotSlower) {
  EXPECT_THAT(
      ErrorOfRows("rows { tokens_per_second: 5 syncs { layers: 2 ranks: 2 batch: 1 letter: 's' "
                  "blocking_tokens_per_second: 4 without_tokens_per_second: 3 } }"),
      testing::AllOf(HasSubstr("syncs.letter: must be g or l (got s)"),
                     HasSubstr("without_tokens_per_second: must be at least")));
}

TEST(PublishedRuleTest, AFitOnEightBoardsIsFineWhereAllRowsHaveEight) {
  v1::Published published = Shipped().Published("tpi-llm").value();
  EXPECT_EQ(ValidatePublished(published, "x"), absl::OkStatus());
  published.mutable_boards(0)->mutable_sets(0)->mutable_rows(1)->set_boards(4);
  EXPECT_THAT(std::string(ValidatePublished(published, "x").message()),
              HasSubstr("boards[0].sets[0].rows[0].boards: must be 1 with use: USE_FIT_COMPUTE"));
}

}  // namespace
}  // namespace edgetp
