// Workers that share no clock, with real programs: they estimate one another's, and training is the
// same. (tests/integration/hosts_test.py has clocks that differ.)
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/text_folder.h"
#include "tests/integration/up_cluster.h"

namespace edgetp {
namespace {

constexpr absl::Duration kDelay = absl::Milliseconds(5);

class ClockDomainTest : public TextFolderTest {
 protected:
  // A cluster of two workers; the second one says that its clock is its own.
  void SetUp() override {
    TextFolderTest::SetUp();
    up_.emplace(folder_, 1);
    other_.emplace(folder_, std::vector<std::string>{up_->server(), "--clock_domain=elsewhere"},
                   "edgetp_worker");
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (Workers() < 2 && absl::Now() < deadline) absl::SleepFor(absl::Milliseconds(50));
    ASSERT_EQ(Workers(), 2u) << other_->Err();
  }

  size_t Workers() {
    const CommandResult status = RunEdgetp(folder_, {"status", up_->server(), "--format=json"});
    return nlohmann::json::parse(status.out, nullptr, false)["workers"].size();
  }

  nlohmann::json Train(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"train",     "--data=text.txt", "--pattern=ts",
                                          "--steps=5", "--workers=2",     "--format=json"};
    for (const std::string& argument : TinyModel()) arguments.push_back(argument);
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CommandResult result = RunEdgetp(folder_, arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }

  std::optional<UpCluster> up_;
  std::optional<EdgetpCommand> other_;
};

TEST_F(ClockDomainTest, TrainingIsTheSameAndAsSlowAsAsked) {
  const std::string delay = absl::StrCat("--delay=", absl::FormatDuration(kDelay));
  const nlohmann::json one = Train({delay});
  const nlohmann::json two = Train({delay, up_->server()});
  EXPECT_EQ(two["final"], one["final"]);
  EXPECT_EQ(two["status"], "done");
  EXPECT_GT(two["fidelity"]["clock_bound_us"].get<double>(), 0);
  EXPECT_EQ(one["fidelity"]["clock_bound_us"].get<double>(), 0);
  EXPECT_FALSE(one["fidelity"].value("held_by_senders", false));
  EXPECT_EQ(one["breakdown_seconds"]["transit"].get<double>(), 0);
  const double sync_points = 2.0 * two["sync_points_forward"].get<double>();
  // A step may begin and end with the clocks at different ends of what is known about them.
  const double bound = 1e-6 * two["fidelity"]["clock_bound_us"].get<double>();
  EXPECT_GE(two["mean_step_seconds"], sync_points * absl::ToDoubleSeconds(kDelay) - 2 * bound);
}

TEST_F(ClockDomainTest, ASharedMediumTrainsToo) {
  std::ofstream(folder_ + "/cell.textproto")
      << "name: \"cell\" link { delay_us: 1000 rate_bits_per_second: 1e8 } shared_medium: true\n";
  const nlohmann::json two = Train({"--network=./cell.textproto", up_->server()});
  EXPECT_EQ(two["final"], Train({})["final"]);
  EXPECT_GT(two["fidelity"]["clock_bound_us"].get<double>(), 0);
}

}  // namespace
}  // namespace edgetp
