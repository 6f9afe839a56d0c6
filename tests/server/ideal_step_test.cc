#include "server/ideal_step.h"

#include <gtest/gtest.h>

#include <limits>

#include "common/config/defaults.h"
#include "common/plan/model_flops.h"

namespace edgetp {
namespace {

constexpr ModelShape kGpt2{
    .layers = 12, .heads = 12, .channels = 768, .sequence = 1024, .vocabulary = 50304};
constexpr double kPerToken = 6 * 123'689'472.0 + 12.0 * 12 * 768 * 1024;

v1::RunConfig Gpt2(int workers) {
  v1::RunConfig config;
  v1::ModelConfig* const model = config.mutable_model();
  model->set_layers(12);
  model->set_heads(12);
  model->set_channels(768);
  model->set_sequence(1024);
  model->set_vocabulary(50304);
  config.set_workers(workers);
  config.mutable_train()->set_batch(2);
  config.mutable_train()->set_micro_batches(5);
  FillDefaults(&config);
  return config;
}

TEST(ModelFlopsTest, AreThoseOfPalmsAppendixB) {
  EXPECT_DOUBLE_EQ(ModelFlopsPerToken(kGpt2), kPerToken);
}

TEST(ModelFlopsTest, AHeadOfItsOwnIsMultipliedByAndTheEmbeddingLookedUp) {
  ModelShape untied = kGpt2;
  untied.tied_head = false;
  EXPECT_DOUBLE_EQ(ModelFlopsPerToken(untied), kPerToken);
}

TEST(IdealStepTest, AllDevicesTogetherComputeTheTokensOfAStep) {
  EXPECT_DOUBLE_EQ(*IdealStepSeconds(Gpt2(2), {1e12, 3e12}), kPerToken * 10 * 1024 / 4e12);
}

TEST(IdealStepTest, ReplicasHaveTokensOfTheirOwn) {
  v1::RunConfig config = Gpt2(2);
  config.mutable_parallel()->set_strategy("data");
  EXPECT_DOUBLE_EQ(*IdealStepSeconds(config, {1e12, 3e12}), kPerToken * 20 * 1024 / 4e12);
}

TEST(IdealStepTest, AProfileCountsBeforeWhatWasMeasured) {
  v1::RunConfig config = Gpt2(2);
  config.mutable_device()->set_flops_per_second(5e9);
  EXPECT_DOUBLE_EQ(*IdealStepSeconds(config, {0, 0}), kPerToken * 10 * 1024 / 10e9);
  config.clear_device();
  config.add_devices()->set_flops_per_second(5e9);
  config.add_devices()->set_flops_per_second(15e9);
  EXPECT_DOUBLE_EQ(*IdealStepSeconds(config, {1, 1}), kPerToken * 10 * 1024 / 20e9);
}

TEST(IdealStepTest, WhatFp32ProductsReachSaysNothingOfOthers) {
  v1::RunConfig config = Gpt2(2);
  config.mutable_memory()->set_precision("fp32");
  EXPECT_TRUE(IdealStepSeconds(config, {1e12, 3e12}).has_value());
  for (const char* precision : {"tf32", "bf16"}) {
    config.mutable_memory()->set_precision(precision);
    EXPECT_FALSE(IdealStepSeconds(config, {1e12, 3e12}).has_value()) << precision;
  }
  config.mutable_device()->set_flops_per_second(5e9);
  EXPECT_TRUE(IdealStepSeconds(config, {1e12, 3e12}).has_value());
}

TEST(IdealStepTest, IsNotKnownWhereOneDeviceIsNot) {
  EXPECT_FALSE(IdealStepSeconds(Gpt2(2), {1e12, 0}).has_value());
  EXPECT_FALSE(IdealStepSeconds(Gpt2(2), {1e12, -1}).has_value());
  EXPECT_FALSE(
      IdealStepSeconds(Gpt2(2), {1e12, std::numeric_limits<double>::quiet_NaN()}).has_value());
  EXPECT_FALSE(IdealStepSeconds(v1::RunConfig(), {1e12}).has_value());
}

}  // namespace
}  // namespace edgetp
