#include "cli/commands/simulate_chakra.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cli/shared/simulate_options.h"
#include "common/base/files.h"
#include "tests/temporary_folder.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

using testing::HasSubstr;

class SimulateChakraTest : public testing::Test {
 protected:
  SimulateChakraTest() {
    SimulateFlags flags;
    flags.run.config_path = std::string(EDGETP_SOURCE_DIR) + "/configs";
    flags.devices = {"raspberry-pi-5"};
    flags.networks = {"ethernet-1g"};
    flags.workers = {2};
    Faults faults;
    run_ = ResolveSimulation(flags, &faults).at(0).run;
    plan_ = BuildStepPlan(run_.forecast.plan).value();
  }

  std::string Refused(const std::string& folder) {
    const absl::Status status = PrepareChakra(plan_, folder);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path() + "/chakra";
  SimulateCase run_;
  StepPlan plan_;
};

TEST_F(SimulateChakraTest, AFolderHasATracePerRankAndWhatAstraSimAsksFor) {
  const v1::SimulateReport report = Simulate(run_).value();
  const std::string folder = folder_ + "/new/one";
  ASSERT_EQ(PrepareChakra(plan_, folder), absl::OkStatus());
  ASSERT_EQ(ExportChakra(run_.forecast, plan_, report, folder), absl::OkStatus());
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename());
  EXPECT_THAT(names, testing::UnorderedElementsAre("step.0.et", "step.1.et", "network.yml",
                                                   "system.json", "memory.json", "README.txt"));
  const std::string trace = ReadWholeFile(folder + "/step.1.et", 1 << 24).value();
  EXPECT_THAT(trace.substr(0, 300), HasSubstr("raspberry-pi-5"));
  EXPECT_THAT(ReadWholeFile(folder + "/network.yml", 1 << 16).value(),
              HasSubstr("bandwidth: [ 0.1"));  // 1 Gb/s or a little less
}

TEST_F(SimulateChakraTest, AFolderThatHasFilesIsRefused) {
  fs::create_directories(folder_);
  EXPECT_EQ(PrepareChakra(plan_, folder_), absl::OkStatus());
  std::ofstream(folder_ + "/mine.txt") << "precious";
  EXPECT_EQ(Refused(folder_),
            "--chakra: " + folder_ + ": the folder must be empty, or not be there yet");
}

TEST_F(SimulateChakraTest, WhereNoFolderCanBeIsRefused) {
  std::ofstream(folder_) << "a file";
  for (const std::string& folder : {folder_, folder_ + "/below/it", std::string("/proc/traces")})
    EXPECT_THAT(Refused(folder), HasSubstr("--chakra: " + folder + ": cannot be made: "));
}

TEST_F(SimulateChakraTest, OneRankIsRefused) {
  run_.forecast.plan.world_size = 1;
  plan_ = BuildStepPlan(run_.forecast.plan).value();
  EXPECT_THAT(Refused(folder_), HasSubstr("at least 2 workers (got 1)"));
}

}  // namespace
}  // namespace edgetp
