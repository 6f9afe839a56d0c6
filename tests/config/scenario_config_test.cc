#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/validate.h"
#include "tests/config/shipped.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

std::string ErrorAfter(void (*change)(v1::BoardScenario*)) {
  v1::BoardScenario scenario = Shipped().Scenario("raspberry-pi-tp").value();
  change(&scenario);
  const absl::Status status = ValidateScenario(scenario, "boards");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(ShippedScenarioTest, ScenariosLoadAndKeepTheRules) {
  const auto names = Shipped().Names(ConfigKind::kScenario);
  EXPECT_GE(names.size(), 1u);
  for (const std::string& name : names) {
    const auto scenario = Shipped().Scenario(name);
    ASSERT_TRUE(scenario.ok()) << scenario.status();
    EXPECT_EQ(scenario->name(), name);
    EXPECT_TRUE(scenario->network().has_link());
    EXPECT_EQ(ValidateScenario(*scenario, name), absl::OkStatus());
  }
}

TEST(ScenarioRuleTest, WhatIsFittedOnMoreThanTwoBoardsIsNoPrediction) {
  EXPECT_THAT(
      ErrorAfter([](v1::BoardScenario* s) { s->mutable_sets(0)->mutable_rows(1)->set_boards(4); }),
      HasSubstr("boards: sets[0].rows[1].boards: must be 2 with use: USE_FIT_SOFTWARE"));
  EXPECT_THAT(ErrorAfter([](v1::BoardScenario* s) {
                s->mutable_sets(1)->mutable_rows(2)->set_use(v1::BoardRow::USE_FIT_COMPUTE);
              }),
              HasSubstr("sets[1].rows: must have one row with use: USE_FIT_COMPUTE (got 2)"));
}

TEST(ScenarioRuleTest, AFaultIsNamedWithItsField) {
  EXPECT_THAT(ErrorAfter([](v1::BoardScenario* s) {
                s->mutable_sets(0)->mutable_rows(2)->set_token_ms(0);
              }),
              HasSubstr("sets[0].rows[2].token_ms: must be a finite number above 0 (got 0 ms)"));
  EXPECT_THAT(ErrorAfter([](v1::BoardScenario* s) {
                s->mutable_sets(0)->mutable_rows(0)->set_model("llama-9");
              }),
              HasSubstr("sets[0].rows[0].model: must name one of the scenario's models"));
  EXPECT_THAT(ErrorAfter([](v1::BoardScenario* s) { s->mutable_models(1)->set_layers(0); }),
              HasSubstr("models[1].layers: must be in [1, "));
  EXPECT_THAT(ErrorAfter([](v1::BoardScenario* s) { s->clear_source(); }),
              HasSubstr("boards: source: must say who measured it"));
  EXPECT_THAT(ErrorAfter([](v1::BoardScenario* s) {
                s->mutable_network()->mutable_link()->set_rate_bits_per_second(-1);
              }),
              HasSubstr("network.link.rate_bits_per_second: must be a finite number above 0"));
}

}  // namespace
}  // namespace edgetp
