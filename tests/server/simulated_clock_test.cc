// What a run without waiting is charged: exactly what the simulator says of it.
#include "server/simulated_clock.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/config/convert.h"
#include "common/config/defaults.h"
#include "common/simulate/forecast.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

// Two ranks over 20 ms of jittery delay: a step has 8 all-reduces that wait one delay at least.
v1::RunConfig Config(const std::string& more = "") {
  v1::RunConfig config;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      R"(model { layers: 2 heads: 2 channels: 8 sequence: 4 vocabulary: 10 }
         pattern: 't*2' workers: 2 seed: 7 collective { deadline_seconds: 2 } )" +
          more,
      &config));
  if (!config.has_network()) {
    config.mutable_network()->set_name("slow");
    config.mutable_network()->mutable_link()->set_delay_us(20'000);
    config.mutable_network()->mutable_link()->set_jitter_us(2'000);
  }
  FillDefaults(&config);
  return config;
}

constexpr char kDevice[] =
    "device { name: 'board' flops_per_second: 1e6 message_overhead_us: 50 } ";

class Charged {
 public:
  explicit Charged(const v1::RunConfig& config)
      : config_(config), schedule_(config_.network()), clock_(&config_) {
    schedule_.Begin(clock_.now());
  }

  absl::StatusOr<v1::StepRecord> Step(const std::vector<v1::StepReport>& reports) {
    v1::StepRecord record;
    record.set_step(++step_);
    record.set_step_seconds(123);  // the host's
    record.set_wall_seconds(0.5 * step_);
    const absl::Status status = clock_.Charge(reports, &schedule_, &record);
    schedule_.Advance(clock_.now());
    if (!status.ok()) return status;
    return record;
  }
  absl::StatusOr<v1::StepRecord> Step() { return Step(std::vector<v1::StepReport>(2)); }
  double now() const { return absl::ToDoubleSeconds(clock_.now() - absl::UnixEpoch()); }

 private:
  const v1::RunConfig config_;
  NetworkSchedule schedule_;
  SimulatedClock clock_;
  int step_ = 0;
};

TEST(SimulatedClockTest, DevicesAreChargedWhatASimulationSaysToTheLastBit) {
  const v1::RunConfig config = Config(kDevice);
  ForecastCase forecast;
  forecast.plan = *ToPlanOptions(config);
  forecast.devices = DevicesOf(config);
  forecast.network = config.network();
  forecast.seed = config.seed();
  forecast.steps = 5;
  const Forecast want = *RunForecast(forecast, *BuildStepPlan(forecast.plan));
  Charged run(config);
  for (const double seconds : want.step_seconds) EXPECT_EQ(run.Step()->step_seconds(), seconds);
}

TEST(SimulatedClockTest, TheHostsTimesAreKeptApart) {
  Charged run(Config(kDevice));
  run.Step().value();
  const v1::StepRecord second = *run.Step();
  EXPECT_EQ(second.host_seconds(), 1.0);
  EXPECT_EQ(second.wall_seconds(), run.now());
  // 8 all-reduces of one delay each, of which a rank that comes late sees less.
  EXPECT_GT(second.breakdown_seconds().propagation(), 4 * 0.02);
  EXPECT_LE(second.breakdown_seconds().propagation(), 8 * 0.02);
  EXPECT_EQ(second.network(), "slow");
}

TEST(SimulatedClockTest, WithoutADeviceEachStepIsChargedTheComputeThatItMeasured) {
  const v1::RunConfig config = Config();
  Charged run(config);
  const StepPlan plan = *BuildStepPlan(*ToPlanOptions(config));
  const auto reports = [&](float seconds) {
    v1::StepReport report;
    for (size_t i = 0; i <= Collectives(plan.steps[0]).size(); ++i)
      report.add_compute_seconds(seconds);
    return std::vector<v1::StepReport>(2, report);
  };
  const double quick = run.Step(reports(0))->breakdown_seconds().compute();
  EXPECT_EQ(quick, 0);
  EXPECT_NEAR(run.Step(reports(0.5))->breakdown_seconds().compute(),
              0.5 * reports(0)[0].compute_seconds_size(), 1e-6);
  EXPECT_THAT(std::string(run.Step().status().message()), HasSubstr("do not fit the plan"));
}

TEST(SimulatedClockTest, ATimelineGoesBySimulatedTime) {
  Charged run(Config(absl::StrCat(kDevice, R"(network { name: 'way' link {}
      events { at_seconds: 0.001 network { name: 'far' link { delay_us: 1000000 } } } })")));
  const v1::StepRecord first = *run.Step();
  EXPECT_EQ(first.network(), "way");
  ASSERT_GT(run.now(), 0.001);
  const v1::StepRecord second = *run.Step();
  EXPECT_EQ(second.network(), "way@0.001s:far");
  EXPECT_GT(second.step_seconds(), 8);
}

std::string Cut(double heals_at) {
  return absl::StrCat(kDevice, R"(network { name: 'cut' link {} partition { ranks: 0 }
      events { at_seconds: )",
                      heals_at, " partition {} } }");
}

TEST(SimulatedClockTest, APartitionIsWaitedFor) {
  Charged whole(Config(absl::StrCat(kDevice, "network { name: 'whole' link {} }")));
  Charged run(Config(Cut(1)));
  const v1::StepRecord first = *run.Step();
  // Ranks compute before they miss one another.
  EXPECT_GT(first.step_seconds(), whole.Step()->step_seconds());
  EXPECT_GT(first.breakdown_seconds().queueing(), 0.9);
  EXPECT_LT(first.breakdown_seconds().queueing(), 1);
  EXPECT_EQ(run.Step()->breakdown_seconds().queueing(), 0);
}

TEST(SimulatedClockTest, APartitionBeyondTheDeadlineEndsTheRun) {
  const absl::Status status = Charged(Config(Cut(10))).Step().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(status.message()), HasSubstr("link is partitioned (step=1 waited_ms=2"));
}

}  // namespace
}  // namespace edgetp
