// What `edgetp plan` says about memory against what workers take: the peak of their resident
// memory, from the program's start to the last checkpoint.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/command.h"
#include "tests/integration/text_folder.h"

namespace edgetp {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(10);
constexpr absl::Duration kLimit = absl::Minutes(4);

// VmHWM of a process, in bytes; 0 when it is gone.
double PeakBytes(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return 1024 * std::stod(line.substr(6));
  }
  return 0;
}

class MemoryTest : public TextFolderTest {
 protected:
  // Of each rank, largest first: which worker got which rank is chance.
  std::vector<double> Planned(const std::vector<std::string>& model) {
    std::vector<std::string> arguments = {"plan", "--format=json"};
    arguments.insert(arguments.end(), model.begin(), model.end());
    const CommandResult plan = RunEdgetp(folder_, arguments);
    EXPECT_EQ(plan.code, 0) << plan.err;
    const nlohmann::json report = nlohmann::json::parse(plan.out);
    std::vector<double> bytes;
    for (const auto& rank : report["memory_bytes_per_rank"]) bytes.push_back(rank["total"]);
    std::sort(bytes.rbegin(), bytes.rend());
    return bytes;
  }

  std::vector<double> Measured(const std::vector<std::string>& model) {
    std::vector<std::string> arguments = {"train", "--data=text.txt", "--steps=3"};
    arguments.insert(arguments.end(), model.begin(), model.end());
    EdgetpCommand command(folder_, arguments);
    std::map<pid_t, double> peaks;
    const absl::Time limit = absl::Now() + kLimit;
    while (IsAlive(command.pid()) && absl::Now() < limit) {
      for (const pid_t pid : command.Children("edgetp_worker"))
        peaks[pid] = std::max(peaks[pid], PeakBytes(pid));
      absl::SleepFor(kPoll);
    }
    const CommandResult result = command.Wait(absl::Seconds(5));
    EXPECT_EQ(result.code, 0) << result.err;
    std::vector<double> bytes;
    for (const auto& [pid, peak] : peaks) bytes.push_back(peak);
    std::sort(bytes.rbegin(), bytes.rend());
    return bytes;
  }

  void ExpectPlanned(const std::vector<std::string>& model) {
    const std::vector<double> planned = Planned(model);
    const std::vector<double> measured = Measured(model);
    ASSERT_GE(measured.size(), planned.size());  // one may have looked whether the CPU has bf16
    for (size_t i = 0; i < planned.size(); ++i) {
      EXPECT_NEAR(planned[i] / measured[i], 1, 0.1)
          << "planned " << planned[i] / 0x1p20 << " MiB, measured " << measured[i] / 0x1p20
          << " MiB";
    }
  }
};

TEST_F(MemoryTest, ThePlanIsWithinTenPercentOfTheMeasuredPeakForMiniGpt) {
  ExpectPlanned({"--model=minigpt", "--set=model.vocabulary=65"});
}

TEST_F(MemoryTest, ThePlanIsWithinTenPercentOfTheMeasuredPeakForLargeBatches) {
  ExpectPlanned({"--model=minigpt", "--batch=64", "--set=model.vocabulary=65"});
}

// Its sums are as late as they can be: of all modules they are under way at once.
TEST_F(MemoryTest, ThePlanIsWithinTenPercentOfTheMeasuredPeakForDelayedSums) {
  ExpectPlanned({"--model=minigpt", "--batch=64", "--set=model.vocabulary=65", "--pattern=t~8*4"});
}

TEST_F(MemoryTest, ThePlanIsWithinTenPercentOfTheMeasuredPeakForErrorFeedback) {
  ExpectPlanned({"--model=minigpt", "--batch=64", "--set=model.vocabulary=65", "--pattern=t*4",
                 "--wire=int8", "--set=collective.error_feedback_activations=true"});
}

// Late sums of more modules, in which tensors come and go that outlive one another.
TEST_F(MemoryTest, ThePlanIsWithinTenPercentOfTheMeasuredPeakForDelayedSumsOfManyLayers) {
  ExpectPlanned({"--model=minigpt", "--batch=64", "--set=model.vocabulary=65",
                 "--set=model.layers=8", "--pattern=t~8*8"});
}

TEST_F(MemoryTest, RecomputationTakesAsMuchLessAsThePlanSays) {
  for (const char* pattern : {"t*4", "sppp", "t~8*4"}) {
    const std::vector<std::string> model = {"--model=minigpt", "--batch=64",
                                            "--set=model.vocabulary=65",
                                            std::string("--pattern=") + pattern};
    std::vector<std::string> again = model;
    again.push_back("--recompute");
    ExpectPlanned(again);
    EXPECT_LT(Planned(again)[1], 0.85 * Planned(model)[1]) << pattern;
  }
}

TEST_F(MemoryTest, ThePlanIsWithinTenPercentOfTheMeasuredPeakForLongSequences) {
  ExpectPlanned({"--model=minigpt", "--batch=8", "--sequence=512", "--set=model.vocabulary=65"});
}

TEST_F(MemoryTest, ThePlanIsWithinTenPercentOfTheMeasuredPeakInBf16) {
  const std::vector<std::string> wide = {"--model=minigpt", "--batch=256",
                                         "--set=model.vocabulary=65"};
  std::vector<std::string> narrow = wide;
  narrow.push_back("--set=memory.precision=bf16");
  EXPECT_LT(Planned(narrow)[1], 0.9 * Planned(wide)[1]);
  const CommandResult tried = RunEdgetp(
      folder_, {"train", "--data=text.txt", "--steps=1", "--set=memory.precision=bf16"});
  if (tried.code == 2) GTEST_SKIP() << tried.err;  // this CPU or this LibTorch has none
  ExpectPlanned(narrow);
}

// 32768 rows: most of the model are its tables and its logits.
TEST_F(MemoryTest, ASharedVocabularyTakesAsMuchLessAsThePlanSays) {
  const std::vector<std::string> model = {
      "--model=minigpt", "--batch=2", "--set=model.vocabulary=32768", "--set=model.channels=256"};
  std::vector<std::string> shared = model;
  shared.push_back("--vocabulary_parallel");
  ExpectPlanned(model);
  ExpectPlanned(shared);
  // Of the rank that puts no checkpoints together.
  EXPECT_LT(Planned(shared)[1], 0.85 * Planned(model)[1]);
}

TEST_F(MemoryTest, ThePlanIsWithinTenPercentOfTheMeasuredPeakForNineteenMillionParameters) {
  ExpectPlanned({"--model=minigpt", "--batch=8", "--sequence=128", "--set=model.layers=6",
                 "--set=model.channels=512", "--set=model.heads=8", "--set=model.vocabulary=65"});
}

}  // namespace
}  // namespace edgetp
