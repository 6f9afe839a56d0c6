#include "cli/shared/config_sources.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/defaults.h"
#include "common/config/load.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

class ConfigSourcesTest : public ::testing::Test {
 protected:
  ConfigSourcesTest() { flags_.run.config_path = EDGETP_SOURCE_DIR "/configs"; }

  v1::RunConfig Resolved() {
    const auto config = ResolveTraining(flags_.run, inputs_);
    EXPECT_TRUE(config.ok()) << config.status();
    return config.value_or(v1::RunConfig());
  }
  // What --print_config prints, and that it reads back as what was resolved.
  std::string Printed() {
    const v1::RunConfig config = Resolved();
    const std::string text = ToLabelledTextproto(config, SourcesOf(flags_, inputs_, config));
    v1::RunConfig back;
    EXPECT_EQ(ParseTextproto(text, "printed", &back), absl::OkStatus());
    EXPECT_EQ(back.DebugString(), config.DebugString());
    return text;
  }

  TrainFlags flags_;
  TrainInputs inputs_;
};

TEST_F(ConfigSourcesTest, WhatNobodySaidIsADefault) {
  const std::string text = Printed();
  for (const char* line :
       {"  learning_rate: 0.001  # default\n", "  schedule: \"cosine\"  # default\n",
        "seed: 1337  # default\n", "  layers: 4  # default: --model=minigpt\n",
        "  vocabulary: 65  # of the data\n", "pattern: \"t*4\"  # default\n"})
    EXPECT_THAT(text, HasSubstr(line));
}

TEST_F(ConfigSourcesTest, EveryValueNamesTheLastSourceThatSaysIt) {
  flags_.run.config = "minigpt-shakespeare-sppp";
  flags_.run.steps = 2000;  // as the preset
  flags_.run.wire = "int8";
  flags_.run.wire_backward = "bf16";
  flags_.run.set = {"train.beta2=0.95", "model.gelu=tanh"};
  const std::string text = Printed();
  for (const char* line :
       {"pattern: \"sppp\"  # --config=minigpt-shakespeare-sppp\n", "  steps: 2000  # --steps\n",
        "  wire_forward: \"int8\"  # --wire\n", "  wire_backward: \"bf16\"  # --wire_backward\n",
        "  beta2: 0.95  # --set\n", "  gelu: GELU_TANH  # --set\n",
        "  beta1: 0.9  # --config=minigpt-shakespeare-sppp\n", "  eval_interval: 250  # default\n"})
    EXPECT_THAT(text, HasSubstr(line));
}

TEST_F(ConfigSourcesTest, ANetworkNamesItsProfileAndWhatLinkOptionsChange) {
  flags_.run.network = "commute";
  flags_.run.link.delay = "50ms";
  const std::string text = Printed();
  for (const char* line :
       {"    delay_us: 50000  # link options\n", "hop: HOP_ACCESS  # --network=commute\n",
        "  # what plan and network need\n"})
    EXPECT_THAT(text, HasSubstr(line));
  flags_.run.deadline = "9s";
  EXPECT_THAT(Printed(), HasSubstr("deadline_seconds: 9  # --deadline\n"));
}

TEST_F(ConfigSourcesTest, DevicesNameTheFlag) {
  flags_.run.device = "raspberry-pi-5+raspberry-pi-4";
  EXPECT_THAT(Printed(), HasSubstr("  # --device=raspberry-pi-5+raspberry-pi-4\n"));
}

TEST_F(ConfigSourcesTest, WhatARunGoesOnWithIsASourceBelowTheFlags) {
  flags_.resume = "first";
  inputs_.base = Resolved();
  inputs_.base.mutable_train()->set_learning_rate(5e-4);
  flags_.run.seed = 3;
  const std::string text = Printed();
  EXPECT_THAT(text, HasSubstr("learning_rate: 0.0005  # --resume=first\n"));
  EXPECT_THAT(text, HasSubstr("seed: 3  # --seed\n"));
}

}  // namespace
}  // namespace edgetp
