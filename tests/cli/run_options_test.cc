#include "cli/shared/run_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "cli/shared/command.h"

namespace edgetp {
namespace {

using testing::HasSubstr;

RunFlags Flags() {
  RunFlags flags;
  flags.config_path = std::string(EDGETP_SOURCE_DIR) + "/configs";
  return flags;
}

v1::RunConfig Resolved(const RunFlags& flags) {
  const auto config = ResolveRun(flags, v1::RunConfig(), 65);
  EXPECT_TRUE(config.ok()) << config.status();
  return config.ok() ? *config : v1::RunConfig();
}

TEST(RunOptionsTest, WithoutFlagsItIsMiniGptOverWhatTheClusterHas) {
  const v1::RunConfig config = Resolved(Flags());
  EXPECT_EQ(config.model().name(), "minigpt");
  EXPECT_EQ(config.model().vocabulary(), 65);
  EXPECT_FALSE(config.has_network());
  EXPECT_EQ(config.workers(), 2);
  EXPECT_EQ(config.pattern(), "t*4");
}

TEST(RunOptionsTest, AnOverlapIsKeptAsTypedAndCheckedByItsRules) {
  RunFlags flags = Flags();
  EXPECT_FALSE(Resolved(flags).has_parallel());
  flags.overlap = "rows(2)";
  EXPECT_EQ(Resolved(flags).parallel().overlap(), "rows(2)");
  flags.overlap = "rows(1)";
  const absl::Status refused = ResolveRun(flags, {}, 65).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused.message(),
            "command line: parallel.overlap: ROWS(m): m must be in [2, 65536] "
            "(got 1)");
}

TEST(RunOptionsTest, LinkOptionsOverrideTheProfilesDefaultLink) {
  RunFlags flags = Flags();
  flags.network = "ethernet-1g";
  flags.link.delay = "7ms";
  const v1::RunConfig config = Resolved(flags);
  EXPECT_EQ(config.network().link().delay_us(), 7000);
  EXPECT_EQ(config.network().link().rate_bits_per_second(), 941e6);
}

TEST(RunOptionsTest, LinkOptionsAloneOverrideTheUnlimitedNetwork) {
  RunFlags flags = Flags();
  flags.link.delay = "7ms";
  EXPECT_EQ(Resolved(flags).network().link().delay_us(), 7000);
}

TEST(RunOptionsTest, TheDefaultDeadlineIsWhatPlanAndNetworkNeed) {
  RunFlags flags = Flags();
  // Whose network it is, the server knows.
  EXPECT_FALSE(Resolved(flags).collective().has_deadline_seconds());
  flags.network = "ethernet-1g";
  EXPECT_EQ(Resolved(flags).collective().deadline_seconds(), 30);
  flags.link.rate = "80kbit";
  EXPECT_GT(Resolved(flags).collective().deadline_seconds(), 100);
}

TEST(RunOptionsTest, ADeadlineThatCannotBeMetIsBadInputWithBothNumbers) {
  RunFlags flags = Flags();
  flags.network = "lora-sf7";
  flags.deadline = "30s";
  const absl::Status refused = ResolveRun(flags, {}, 65).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(refused.message()).find("30 s cannot be met: an all-reduce of 384 KiB"),
            std::string::npos)
      << refused;
  flags.clock = "simulated";
  EXPECT_TRUE(ResolveRun(flags, {}, 65).ok());
}

TEST(RunOptionsTest, ADeviceIsForAllRanksAndAMixtureOnePerRank) {
  RunFlags flags = Flags();
  flags.device = "raspberry-pi-5";
  EXPECT_EQ(Resolved(flags).device().name(), "raspberry-pi-5");
  flags.workers = 4;
  flags.device = "raspberry-pi-5*3+raspberry-pi-4";
  flags.set = {"device.watts=3"};
  const v1::RunConfig config = Resolved(flags);
  EXPECT_FALSE(config.has_device());
  ASSERT_EQ(config.devices_size(), 4);
  EXPECT_EQ(config.devices(2).name(), "raspberry-pi-5");
  EXPECT_EQ(config.devices(3).name(), "raspberry-pi-4");
  for (const v1::DeviceProfile& device : config.devices()) EXPECT_EQ(device.watts(), 3);
  flags.workers = 2;
  EXPECT_THAT(std::string(ResolveRun(flags, v1::RunConfig(), 65).status().message()),
              HasSubstr("has 4 devices for workers=2"));
}

TEST(RunOptionsTest, BoardsThatDifferAreDrawnFromTheSeed) {
  RunFlags flags = Flags();
  flags.device = "raspberry-pi-5";
  flags.workers = 4;
  flags.network = "ethernet-1g";
  const v1::RunConfig alike = Resolved(flags);
  flags.vary_boards = true;
  v1::RunConfig config = Resolved(flags);
  ASSERT_EQ(config.devices_size(), 4);
  EXPECT_FALSE(config.has_device());
  EXPECT_NE(config.devices(0).compute_factor(), config.devices(1).compute_factor());
  EXPECT_EQ(config.SerializeAsString(), Resolved(flags).SerializeAsString());
  for (v1::DeviceProfile& device : *config.mutable_devices()) {
    device.clear_compute_factor();
    EXPECT_EQ(device.SerializeAsString(), alike.device().SerializeAsString());
  }
  flags.seed = 2;
  EXPECT_NE(Resolved(flags).devices(0).compute_factor(),
            Resolved(flags).devices(1).compute_factor());
}

TEST(RunOptionsTest, BoardsWithoutVariabilityCannotDiffer) {
  RunFlags flags = Flags();
  flags.vary_boards = true;
  EXPECT_THAT(std::string(ResolveRun(flags, {}, 65).status().message()),
              HasSubstr("--vary_boards: no device profile of this run has a variability"));
  flags.device = "mac-mini-m4";
  EXPECT_EQ(ResolveRun(flags, {}, 65).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(RunOptionsTest, ANetworkIsResolvedByItself) {
  RunFlags flags = Flags();
  EXPECT_FALSE(ResolveNetworkFlags(flags, 2)->has_value());
  flags.network = "lte";
  EXPECT_EQ((*ResolveNetworkFlags(flags, 2))->name(), "lte");
  flags.link.rate = "-1mbit";
  EXPECT_EQ(ExitCodeOf(ResolveNetworkFlags(flags, 2).status()), kExitBadInput);
}

TEST(RunOptionsTest, SetComesAfterEveryOtherFlag) {
  RunFlags flags = Flags();
  flags.steps = 10;
  flags.set = {"train.steps=20", "model.init=torch"};
  const v1::RunConfig config = Resolved(flags);
  EXPECT_EQ(config.train().steps(), 20);
  EXPECT_EQ(config.model().init(), v1::INIT_TORCH);
}

TEST(RunOptionsTest, WireMeansBothDirectionsUnlessOneIsNamed) {
  RunFlags flags = Flags();
  flags.wire = "bf16";
  flags.wire_backward = "fp32";
  flags.wire_grad_sync = "int4:g32+hadamard";
  const v1::RunConfig config = Resolved(flags);
  EXPECT_EQ(config.collective().wire_forward(), "bf16");
  EXPECT_EQ(config.collective().wire_backward(), "fp32");
  EXPECT_EQ(config.collective().wire_grad_sync(), "int4:g32+hadamard");
}

TEST(RunOptionsTest, AFormatThatTheAlgorithmDoesNotTakeIsBadInput) {
  RunFlags flags = Flags();
  flags.wire = "int8";
  flags.allreduce = "ring";
  const absl::Status status = ResolveRun(flags, v1::RunConfig(), 65).status();
  EXPECT_EQ(ExitCodeOf(status), kExitBadInput);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("collective.wire_forward: ring encodes at every hop, which int8 (8 bits)"));
}

TEST(RunOptionsTest, TheVocabularyIsSharedWhereItIsAskedFor) {
  EXPECT_FALSE(Resolved(Flags()).parallel().vocabulary());
  RunFlags flags = Flags();
  flags.vocabulary_parallel = true;
  EXPECT_TRUE(Resolved(flags).parallel().vocabulary());
  flags.set = {"parallel.vocabulary=false"};
  EXPECT_FALSE(Resolved(flags).parallel().vocabulary());
}

TEST(RunOptionsTest, RecomputationIsAskedForByFlagOrField) {
  EXPECT_FALSE(Resolved(Flags()).memory().recompute());
  RunFlags flags = Flags();
  flags.recompute = true;
  EXPECT_TRUE(Resolved(flags).memory().recompute());
  flags.set = {"memory.recompute=false", "memory.loss_rows=64"};
  EXPECT_FALSE(Resolved(flags).memory().recompute());
  EXPECT_EQ(Resolved(flags).memory().loss_rows(), 64);
}

TEST(RunOptionsTest, FlagsOverrideARunPreset) {
  RunFlags flags = Flags();
  flags.config = "minigpt-shakespeare-torch";
  flags.steps = 3;
  flags.pattern = "sppp";
  const v1::RunConfig config = Resolved(flags);
  EXPECT_EQ(config.train().steps(), 3);
  EXPECT_EQ(config.pattern(), "sppp");
  EXPECT_EQ(config.model().init(), v1::INIT_TORCH);
}

TEST(RunOptionsTest, EveryFaultIsNamedAtOnce) {
  RunFlags flags = Flags();
  flags.network = "wify-5";
  flags.pattern = "sxpp";
  flags.set = {"model.layerz=3"};
  flags.deadline = "5";
  flags.link.rate = "-3mbit";
  const absl::Status status = ResolveRun(flags, v1::RunConfig(), 65).status();
  EXPECT_EQ(ExitCodeOf(status), kExitBadInput);
  for (const char* part :
       {"wify-5", "wifi-5", "'x'", "position 2", "layerz", "layers", "--deadline", "--rate"}) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  }
}

TEST(RunOptionsTest, ABaseGivesWhatFlagsLeaveOpen) {
  v1::RunConfig base = Resolved(Flags());
  base.set_pattern("ssss");
  RunFlags flags = Flags();
  flags.workers = 4;
  const auto config = ResolveRun(flags, base, 65);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->pattern(), "ssss");
  EXPECT_EQ(config->workers(), 4);
}

// What the parser says to a wrong command line.
std::string Refusal(std::vector<std::string> words) {
  CLI::App app("", "edgetp");
  app.require_subcommand(1);
  Command command;
  AddTrain(app, &command);
  AddPlan(app, &command);
  AddNetwork(app, &command);
  std::reverse(words.begin(), words.end());  // CLI11 takes them from the back
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return ExplainParseError(app, error);
  }
  return "accepted";
}

TEST(CommandTest, AnUnknownOptionIsAnsweredWithTheNearestOne) {
  EXPECT_THAT(Refusal({"train", "--patern=sppp"}), HasSubstr("did you mean \"--pattern\"?"));
}

TEST(CommandTest, AnUnknownCommandIsAnsweredWithTheNearestOne) {
  EXPECT_THAT(Refusal({"tain"}), HasSubstr("did you mean \"train\"?"));
  EXPECT_THAT(Refusal({"trian"}), HasSubstr("did you mean \"train\"?"));
  EXPECT_THAT(Refusal({"network", "shw"}), HasSubstr("did you mean \"show\"?"));
}

TEST(CommandTest, AnUnknownValueIsAnsweredWithTheNearestOne) {
  EXPECT_THAT(Refusal({"train", "--allreduce=rng"}), HasSubstr("did you mean \"ring\"?"));
  EXPECT_THAT(Refusal({"plan", "--format=jsn"}), HasSubstr("did you mean \"json\"?"));
}

TEST(CommandTest, ARunningClusterTakesNoOptionsOfLocalWorkers) {
  EXPECT_THAT(Refusal({"train", "--server=localhost:1", "--threads=2"}), HasSubstr("excludes"));
}

TEST(ExitCodeTest, FollowsFromTheStatus) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), 1);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), 2);
  EXPECT_EQ(ExitCodeOf(absl::CancelledError("")), 130);
}

}  // namespace
}  // namespace edgetp
