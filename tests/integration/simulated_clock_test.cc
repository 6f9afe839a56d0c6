// Devices and clocks, with real programs: simulate, train without waiting and train with waiting
// tell one story.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"

namespace edgetp {
namespace {

class SimulatedClockTest : public TextFolderTest {
 protected:
  // Runs a command on a tiny model and returns what it prints.
  nlohmann::json Json(const std::string& command, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {command, "--format=json", "--steps=6"};
    for (const std::string& argument : TinyModel()) arguments.push_back(argument);
    if (command != "simulate") arguments.push_back("--data=text.txt");
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CommandResult result = RunEdgetp(folder_, arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }
  nlohmann::json Train(std::vector<std::string> more) {
    more.push_back("--clock=simulated");
    return Json("train", more);
  }
};

TEST_F(SimulatedClockTest, StepsTakeWhatASimulationSaysToTheLastBit) {
  for (const char* network : {"ethernet-1g", "wifi-5"}) {
    const std::vector<std::string> both = {"--pattern=ts", "--device=raspberry-pi-5",
                                           std::string("--network=") + network,
                                           "--set=model.vocabulary=65"};
    const nlohmann::json simulated = Json("simulate", both);
    const nlohmann::json trained = Train(both);
    EXPECT_EQ(trained["step_seconds"]["median"], simulated["step_seconds"]) << network;
    EXPECT_EQ(trained["step_seconds"]["p99"], simulated["step_seconds_p99"]) << network;
    EXPECT_EQ(trained["allreduce_algorithm"], simulated["allreduce_algorithm"]) << network;
    EXPECT_EQ(trained["clock"], "simulated");
    EXPECT_EQ(trained["device"], "raspberry-pi-5");
    EXPECT_GT(trained["host_seconds"], 0);
    EXPECT_LT(trained["host_seconds"], 60);
  }
}

// From simulated and from measured times, by the same watts.
TEST_F(SimulatedClockTest, EnergyIsToldOfSimulationsAndOfBothKindsOfRuns) {
  const std::vector<std::string> all = {"--pattern=ts", "--device=raspberry-pi-4",
                                        "--network=ethernet-1g", "--set=train.steps=6",
                                        "--set=model.vocabulary=65"};
  const nlohmann::json simulated = Json("simulate", all)["energy"];
  const nlohmann::json charged = Train(all)["energy"];
  const nlohmann::json emulated = Json("train", all)["energy"];
  EXPECT_NEAR(charged["joules_per_step"].get<double>(), simulated["joules_per_step"].get<double>(),
              1e-9 * simulated["joules_per_step"].get<double>());
  EXPECT_EQ(charged["run_steps"], 6);
  EXPECT_GT(emulated["joules_per_step"], 0);
  EXPECT_GT(emulated["mean_watts"], 2 * 1.6);
  EXPECT_LT(emulated["mean_watts"], 2 * 7.2);
  EXPECT_FALSE(Json("train", {"--pattern=ts", "--network=ethernet-1g"}).contains("energy"));
}

TEST_F(SimulatedClockTest, ALimitOfSimulatedTimeEndsTheRunAfterTheSameStepEachTime) {
  const std::vector<std::string> all = {"--pattern=ts", "--device=raspberry-pi-5",
                                        "--network=wifi-5", "--set=train.decay_steps=6"};
  const double whole = Train(all)["wall_seconds"];
  std::vector<std::string> limited = all;
  limited.push_back("--max_seconds=" + std::to_string(whole / 2));
  const nlohmann::json first = Train(limited), second = Train(limited);
  EXPECT_EQ(first["ended_by"], "max_seconds");
  EXPECT_GE(first["steps"], 2);
  EXPECT_LE(first["steps"], 4);
  EXPECT_EQ(first["steps"], second["steps"]);
  EXPECT_EQ(first["final"], second["final"]);
  EXPECT_GT(first["mfu"], 0);
  // As a run of so many steps.
  std::vector<std::string> shorter = all;
  shorter.push_back("--set=train.steps=" + first["steps"].dump());
  EXPECT_EQ(Train(shorter)["final"], first["final"]);
}

TEST_F(SimulatedClockTest, LossesAreThoseOfAnEmulatedRun) {
  const std::vector<std::string> both = {"--pattern=sp", "--delay=2ms", "--jitter=1ms",
                                         "--rate=100mbit"};
  EXPECT_EQ(Train(both)["final"], Json("train", both)["final"]);
}

// Encoded by real workers, and priced without one; error feedback is on for grad_sync.
TEST_F(SimulatedClockTest, FewBitsTellOneStoryToo) {
  const std::vector<std::string> all = {"--pattern=sp",
                                        "--network=ethernet-1g",
                                        "--device=raspberry-pi-5",
                                        "--set=device.codec_bytes_per_second=2e8",
                                        "--set=model.vocabulary=65",
                                        "--wire=int8",
                                        "--wire_grad_sync=int4+hadamard"};
  const nlohmann::json simulated = Json("simulate", all);
  const nlohmann::json trained = Train(all);
  const nlohmann::json emulated = Json("train", all);
  EXPECT_EQ(trained["step_seconds"]["median"], simulated["step_seconds"]);
  EXPECT_EQ(trained["wire"], "int8/int8/int4+hadamard");
  EXPECT_EQ(trained["final"], emulated["final"]);
  EXPECT_EQ(trained["bytes_on_the_wire_per_rank"], emulated["bytes_on_the_wire_per_rank"]);
  EXPECT_GE(emulated["step_seconds"]["median"], simulated["step_seconds"]);
}

TEST_F(SimulatedClockTest, ANetworkThatNobodyWouldWaitForCostsNoMoreThanNone) {
  const nlohmann::json lora = Train({"--pattern=tt", "--network=lora-sf7"});
  EXPECT_GT(lora["wall_seconds"], 60);
  EXPECT_LT(lora["host_seconds"], 30);
  EXPECT_THAT(lora["verdict"]["reason"].get<std::string>(),
              testing::HasSubstr("nothing was emulated"));
}

TEST_F(SimulatedClockTest, ASweepSimulatesEveryCellAndATimelineGoesOn) {
  std::ofstream(folder_ + "/way.textproto")
      << "name: \"way\" link {} events { at_seconds: 0.02 change { link { delay_us: 50000 } } }\n";
  const nlohmann::json sweep =
      Json("sweep", {"--clock=simulated", "--patterns=tt,pp", "--networks=./way.textproto,lte",
                     "--device=raspberry-pi-4"});
  ASSERT_EQ(sweep["rows"].size(), 4u);
  for (const nlohmann::json& row : sweep["rows"]) EXPECT_EQ(row["clock"], "simulated");
  ASSERT_EQ(sweep["rows"][0]["networks"].size(), 2u);
  EXPECT_EQ(sweep["rows"][0]["networks"][1]["network"], "way@0.02s:links");
}

TEST_F(SimulatedClockTest, ACalibratedMachineIsADevice) {
  const std::vector<std::string> calibrate = {
      "calibrate",     "--model=minigpt",      "--batch=2",
      "--sequence=16", "--set=model.layers=2", "--out=./mine.textproto"};
  const CommandResult first = RunEdgetp(folder_, calibrate);
  ASSERT_EQ(first.code, 0) << first.err;
  const std::string profile = ReadFile(folder_ + "/mine.textproto");
  EXPECT_THAT(profile, testing::HasSubstr("kind: KIND_MEASURED"));
  EXPECT_THAT(profile, testing::HasSubstr("calibrate on "));
  EXPECT_EQ(RunEdgetp(folder_, calibrate).code, 2) << "an existing file is left alone";
  EXPECT_EQ(ReadFile(folder_ + "/mine.textproto"), profile);
  const std::vector<std::string> both = {"--pattern=ts", "--device=./mine.textproto",
                                         "--set=model.vocabulary=65"};
  const nlohmann::json trained = Train(both);
  EXPECT_EQ(trained["device"], "mine");
  EXPECT_EQ(trained["step_seconds"]["median"], Json("simulate", both)["step_seconds"]);
}

// The host may add to a paced step and take nothing away.
TEST_F(SimulatedClockTest, APacedRunTakesAtLeastWhatIsSimulated) {
  const std::vector<std::string> both = {"--pattern=ts", "--network=ethernet-1g",
                                         "--device=raspberry-pi-4*1+raspberry-pi-zero-2w",
                                         "--set=model.vocabulary=65"};
  const nlohmann::json paced = Json("train", both);
  const double simulated = Json("simulate", both)["step_seconds"].get<double>();
  EXPECT_GE(paced["step_seconds"]["median"], 0.999 * simulated);
  EXPECT_EQ(paced["predicted_step_seconds"], simulated);
  EXPECT_EQ(paced["device"], "raspberry-pi-4*1+raspberry-pi-zero-2w*1");
}

// One story also for what runs under compute: simulated to the last bit, and paced with a little more
// on a busy host.
TEST_F(SimulatedClockTest, ExchangesRunUnderComputeByAllThreeClocks) {
  for (const std::vector<std::string>& way :
       {std::vector<std::string>{"--pattern=ll"}, {"--pattern=tt", "--overlap=rows(2)"}}) {
    std::vector<std::string> both = {"--device=raspberry-pi-zero-2w", "--network=ethernet-100m",
                                     "--set=model.vocabulary=65"};
    both.insert(both.end(), way.begin(), way.end());
    const nlohmann::json simulated = Json("simulate", both);
    const nlohmann::json charged = Train(both);
    EXPECT_GT(simulated["hidden_seconds"], 0);
    EXPECT_EQ(charged["step_seconds"]["median"], simulated["step_seconds"]);
    EXPECT_NEAR(charged["hidden_seconds"], simulated["hidden_seconds"], 1e-8);
    const nlohmann::json paced = Json("train", both);
    EXPECT_GE(paced["step_seconds"]["median"].get<double>(),
              0.98 * simulated["step_seconds"].get<double>());
    EXPECT_GT(paced["hidden_seconds"], 0);
    EXPECT_EQ(paced["final"], charged["final"]);
  }
}

}  // namespace
}  // namespace edgetp
