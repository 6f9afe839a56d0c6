#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/str_split.h"
#include "cli/shared/network_table.h"
#include "cli/shared/output.h"
#include "cli/shared/progress.h"
#include "cli/shared/report_tables.h"

namespace edgetp {
namespace {

using testing::HasSubstr;
using testing::Not;

nlohmann::json Parsed(const google::protobuf::Message& message) {
  return nlohmann::json::parse(ToJson(message));
}

void ExpectKeys(const nlohmann::json& json, const std::vector<std::string>& keys) {
  for (const std::string& key : keys)
    EXPECT_TRUE(json.contains(key)) << key << " in " << json.dump();
}

v1::RunSummary Row(const std::string& network, const std::string& pattern, double median_seconds) {
  v1::RunSummary run;
  run.set_run("minigpt-" + pattern);
  run.set_model("minigpt");
  run.set_network(network);
  run.set_pattern(pattern);
  run.set_workers(2);
  run.set_sync_points_forward(8);
  run.set_bytes_on_the_wire_per_rank(6 << 20);
  run.mutable_step_seconds()->set_median(median_seconds);
  run.set_predicted_step_seconds(median_seconds);
  run.mutable_breakdown_seconds()->set_compute(median_seconds);
  run.mutable_final()->set_train_loss(1.61);
  run.mutable_final()->set_val_loss(1.78);
  run.mutable_verdict()->set_valid(true);
  run.set_status("done");
  return run;
}

TEST(SweepTableTest, TimeSavedRefersToTheFirstPatternOnTheSameNetwork) {
  v1::SweepReport sweep;
  *sweep.add_rows() = Row("wifi-5", "tttt", 0.4);
  *sweep.add_rows() = Row("wifi-5", "sppp", 0.1);
  *sweep.add_rows() = Row("none", "tttt", 0.1);
  *sweep.add_rows() = Row("none", "sppp", 0.08);
  const std::string table = SweepTable(sweep, {"tttt", "sppp", "tttt", "sppp"});
  EXPECT_THAT(table, HasSubstr("75.0 %"));
  EXPECT_THAT(table, HasSubstr("20.0 %"));
}

TEST(SweepTableTest, FitsInAHundredColumns) {
  v1::SweepReport sweep;
  std::vector<std::string> patterns;
  for (const char* network : {"wifi-5-ordinary+delay200ms+rate1mbit", "ethernet-100m"}) {
    v1::RunSummary run = Row(network, "tttttttttttttttttttttttt", 123.4567);
    run.set_workers(16);
    run.set_bytes_on_the_wire_per_rank(123456789012.0);
    run.mutable_verdict()->set_valid(false);
    run.mutable_verdict()->set_reason("host too slow for this profile, use --clock=simulated, " +
                                      std::string(80, 'y'));
    *sweep.add_rows() = run;
    patterns.push_back("(tttt)*6");
  }
  sweep.mutable_rows(1)->set_workers(2);
  const std::vector<std::string> lines = absl::StrSplit(SweepTable(sweep, patterns), '\n');
  for (const std::string& line : lines) EXPECT_LE(line.size(), 100u) << line;
}

TEST(SweepTableTest, AFailedCellIsARowWithItsReason) {
  v1::SweepReport sweep;
  *sweep.add_rows() = Row("none", "tttt", 0.1);
  v1::RunSummary failed;
  failed.set_network("none");
  failed.set_pattern("sppp");
  failed.set_workers(2);
  failed.set_status("failed");
  failed.set_error("worker 1 was lost");
  *sweep.add_rows() = failed;
  const std::string table = SweepTable(sweep, {"tttt", "sppp"});
  EXPECT_THAT(table, HasSubstr("sppp on none: failed: worker 1 was lost"));
  EXPECT_THAT(table, Not(HasSubstr("inf")));
  EXPECT_THAT(table, Not(HasSubstr("nan")));
}

TEST(SweepTableTest, AnInvalidRunSaysWhy) {
  v1::SweepReport sweep;
  *sweep.add_rows() = Row("none", "tttt", 0.1);
  sweep.mutable_rows(0)->mutable_verdict()->set_valid(false);
  sweep.mutable_rows(0)->mutable_verdict()->set_reason("INVALID: host too slow");
  EXPECT_THAT(SweepTable(sweep, {"tttt"}), HasSubstr("tttt on none: INVALID: host too slow"));
}

TEST(TrainTableTest, TheVerdictIsSaidOnce) {
  v1::RunSummary run = Row("none", "tttt", 0.1);
  run.mutable_verdict()->set_reason("valid (p99 error 2.4 ms, late 0.17 % of step time)");
  EXPECT_THAT(TrainTable(run), HasSubstr("verdict           valid (p99 error 2.4 ms, late 0.17 %"));
}

TEST(TrainTableTest, TheTermsAddUpToTheMeanThatIsPrinted) {
  v1::RunSummary run = Row("lte", "tttt", 0.098);
  run.set_mean_step_seconds(0.140);
  run.mutable_breakdown_seconds()->set_compute(0.040);
  run.mutable_breakdown_seconds()->set_propagation(0.100);
  EXPECT_THAT(TrainTable(run), HasSubstr("140 ms = compute 40 ms + propagation 100 ms"));
  v1::SweepReport sweep;
  *sweep.add_rows() = run;
  const std::string table = SweepTable(sweep, {"tttt"});
  EXPECT_THAT(table, HasSubstr("The terms add up to the mean step"));
  EXPECT_THAT(table, HasSubstr("140\n")) << "the last column";
}

TEST(TrainTableTest, ExchangesUnderComputeAreBesideTheTermsWhereThereAreAny) {
  v1::SweepReport sweep;
  *sweep.add_rows() = Row("ethernet-100m", "tttttttttttt", 123.4567);
  EXPECT_THAT(TrainTable(sweep.rows(0)), Not(HasSubstr("under compute")));
  EXPECT_THAT(SweepTable(sweep, {"tttt"}), Not(HasSubstr("hid-")));
  sweep.mutable_rows(0)->set_hidden_seconds(0.0142);
  EXPECT_THAT(TrainTable(sweep.rows(0)), HasSubstr("14.2 ms of exchanges ran under compute"));
  const std::string table = SweepTable(sweep, {"(tttt)*6"});
  EXPECT_THAT(table, HasSubstr("hid-"));
  EXPECT_THAT(table, HasSubstr("14.2\n")) << "after the mean step";
  for (const absl::string_view line : absl::StrSplit(table, '\n')) EXPECT_LE(line.size(), 100u);
}

TEST(TrainTableTest, APredictionSaysWhatItWasFedWithAndWhereItWasCut) {
  v1::RunSummary run = Row("lte", "tttt", 0.1);
  run.set_compute_source("measured in this run");
  run.set_predicted_steps(200);
  run.add_networks()->set_steps(5000);
  EXPECT_THAT(TrainTable(run), HasSubstr("100 ms (compute measured in this run)"));
  run.set_predicted_steps(12);
  run.set_compute_source("device profile raspberry-pi-5");
  EXPECT_THAT(TrainTable(run), HasSubstr("100 ms (compute of the device profile raspberry-pi-5; "
                                         "time was up after 12 of"));
}

TEST(TrainTableTest, WhereThereIsNothingToJudgeItSaysSo) {
  v1::RunSummary run = Row("none", "tttt", 0.1);
  run.mutable_verdict()->set_reason("not judged (nothing was emulated or paced)");
  EXPECT_THAT(TrainTable(run), HasSubstr("verdict           not judged (nothing was emulated"));
  v1::SweepReport sweep;
  *sweep.add_rows() = run;
  EXPECT_THAT(SweepTable(sweep, {"tttt"}), HasSubstr("not judged\n"));
}

TEST(TrainTableTest, TheValidationLossSaysHowMuchOfTheSplitItIs) {
  v1::RunSummary run = Row("none", "tttt", 0.1);
  run.set_val_windows(200);
  run.set_val_windows_total(1742);
  EXPECT_THAT(TrainTable(run), HasSubstr("validation 1.7800 (200 of 1742 windows)"));
  run.set_val_windows(1742);
  EXPECT_THAT(TrainTable(run), HasSubstr("validation 1.7800 (all 1742 windows)"));
}

TEST(TrainTableTest, ACheckpointThatWasNotSavedIsPartOfTheResult) {
  v1::RunSummary run = Row("none", "tttt", 0.1);
  EXPECT_THAT(TrainTable(run), Not(HasSubstr("checkpoint")));
  run.set_checkpoint_error("save checkpoint: the disk is full");
  EXPECT_THAT(TrainTable(run), HasSubstr("NOT SAVED: save checkpoint: the disk is full"));
  v1::SweepReport sweep;
  *sweep.add_rows() = run;
  EXPECT_THAT(SweepTable(sweep, {"tttt"}), HasSubstr("its last checkpoint was not saved"));
}

TEST(TrainTableTest, EveryNetworkThatWasInForceHasARow) {
  v1::RunSummary run = Row("way", "tttt", 0.1);
  v1::NetworkSteps* row = run.add_networks();
  row->set_network("way");
  row->set_steps(1);
  EXPECT_THAT(TrainTable(run), Not(HasSubstr("under way")));
  row = run.add_networks();
  row->set_network("way@20s:lte");
  row->set_steps(12);
  row->set_step_seconds(0.3);
  row->set_predicted_step_seconds(0.28);
  EXPECT_THAT(TrainTable(run),
              HasSubstr("  under way@20s:lte  12 steps, 300 ms median, predicted 280 ms"));
  v1::SweepReport sweep;
  *sweep.add_rows() = run;
  EXPECT_THAT(
      SweepTable(sweep, {"tttt"}),
      HasSubstr("tttt on way: the network changed: 1 step under way, 12 under way@20s:lte"));
}

TEST(NetworkTableTest, ALinkWhoseLimitIsLiftedSaysSo) {
  v1::LinkConfig link;
  link.set_rate_bits_per_second(std::numeric_limits<double>::infinity());
  EXPECT_EQ(DescribeLink(link), "no rate limit");
}

TEST(NetworkTableTest, TheTimelineIsATable) {
  v1::NetworkProfile profile;
  profile.set_name("way");
  profile.set_repeat_seconds(80);
  v1::NetworkEvent* event = profile.add_events();
  event->set_at_seconds(20);
  event->mutable_network()->set_name("lte");
  event->mutable_network()->mutable_link()->set_delay_us(35000);
  event = profile.add_events();
  event->set_at_seconds(30);
  event->mutable_change()->set_source(0);
  event->mutable_change()->mutable_link()->set_loss(0.01);
  event = profile.add_events();
  event->set_at_seconds(40.5);
  event->mutable_partition()->add_groups()->add_ranks(0);
  event = profile.add_events();
  event->set_at_seconds(50);
  event->mutable_restore();
  const std::string table = NetworkTable(profile);
  for (const char* line :
       {"  20 s  lte                 direct link: delay 35 ms (RTT 70 ms)\n",
        "  30 s  link 0 -> any       loss 1.00 %\n", "40.5 s  partition           {0}\n",
        "  50 s  restored            as at the beginning\n", "  80 s  from the beginning\n"}) {
    EXPECT_THAT(table, HasSubstr(line));
  }
}

TEST(NetworkTableTest, AnAccessLinkIsShownBesideWhatTwoDevicesGet) {
  v1::NetworkProfile profile;
  profile.set_name("mobile");
  profile.set_hop(v1::HOP_ACCESS);
  profile.mutable_link()->set_delay_us(35000);
  profile.mutable_link()->set_rate_bits_per_second(12e6);
  profile.add_overrides()->set_destination(1);
  profile.mutable_overrides(0)->mutable_link()->set_loss(0.01);
  const std::string table = NetworkTable(profile);
  for (const char* line :
       {"figures describe     the access link between a device and its network\n",
        "every access link    delay 35 ms (RTT 70 ms), rate 12 Mbit/s\n",
        "downlink of 1        loss 1.00 %\n",
        "between two devices  delay 70 ms (RTT 140 ms), rate 12 Mbit/s; one hop up, one hop "
        "down\n"}) {
    EXPECT_THAT(table, HasSubstr(line));
  }
}

TEST(ProgressTest, ALineNamesStepLossTimeAndWhatIsLeft) {
  v1::StepRecord record;
  record.set_step(50);
  record.set_train_loss(2.4512);
  record.set_step_seconds(0.0982);
  record.set_tokens_per_second(7820);
  record.set_wall_seconds(5);
  record.set_network("wifi-5");
  const std::string line = ProgressLine(record, 100, {.run = 5, .sweep = 300});
  for (const char* part : {"step 50/100", "loss 2.4512", "98.2 ms/step", "7.82K tokens/s",
                           "ETA 5 s, sweep 5m00s", "wifi-5"}) {
    EXPECT_THAT(line, HasSubstr(part));
  }
}

TEST(ProgressTest, ALineHasNormAndMfuAndSaysWhatWasSkipped) {
  v1::StepRecord record;
  record.set_step(50);
  record.set_gradient_norm(0.4123);
  record.set_step_seconds(0.1);
  EXPECT_THAT(ProgressLine(record, 100, {}), HasSubstr("  norm 0.412  100 ms/step"));
  EXPECT_THAT(ProgressLine(record, 100, {}), Not(HasSubstr("MFU")));
  record.set_mfu(0.0312);
  record.set_skipped(true);
  EXPECT_THAT(ProgressLine(record, 100, {}), HasSubstr("norm 0.412 (skipped)"));
  EXPECT_THAT(ProgressLine(record, 100, {}), HasSubstr("  MFU 3.1 %"));
}

TEST(TrainTableTest, SaysWhatWasSkippedAndThatTimeEndedTheRun) {
  v1::RunSummary run = Row("none", "tttt", 0.1);
  run.set_ended_by("steps");
  EXPECT_THAT(TrainTable(run), Not(HasSubstr("ended by")));
  run.set_ended_by("max_seconds");
  run.set_steps_skipped(2);
  run.set_mfu(0.125);
  EXPECT_THAT(TrainTable(run), HasSubstr(", MFU 12.5 %, 2 skipped, ended by max_seconds"));
}

TEST(JsonTest, TrainHasTheKeysThatOthersBuildOn) {
  const nlohmann::json json = Parsed(Row("none", "tttt", 0.1));
  ExpectKeys(json, {"run", "pattern", "workers", "network", "clock", "steps", "final",
                    "step_seconds", "wall_seconds", "breakdown_seconds", "predicted_step_seconds",
                    "bytes_on_the_wire_per_rank", "verdict"});
  ExpectKeys(json["final"], {"train_loss", "val_loss"});
  ExpectKeys(json["step_seconds"], {"median", "p99"});
  ExpectKeys(json["breakdown_seconds"],
             {"compute", "software", "queueing", "serialization", "propagation", "straggler"});
  ExpectKeys(json["verdict"], {"valid", "reason", "late_share", "overrun_share"});
}

TEST(JsonTest, PlanHasTheKeysThatOthersBuildOn) {
  v1::PlanReport plan;
  plan.mutable_bytes_per_step_per_rank();
  plan.add_memory_bytes_per_rank();
  const nlohmann::json json = Parsed(plan);
  ExpectKeys(json,
             {"pattern", "layers", "workers", "sync_points_forward", "all_reduces_per_micro_step",
              "all_reduces_per_step", "bytes_per_step_per_rank", "parameters",
              "parameters_without_position", "flops_per_step", "memory_bytes_per_rank"});
  ExpectKeys(json["bytes_per_step_per_rank"],
             {"activation_fwd", "activation_bwd", "grad_sync", "scalar"});
  ExpectKeys(json["memory_bytes_per_rank"][0],
             {"parameters", "gradients", "optimizer", "activations"});
}

TEST(JsonTest, SweepBenchAndEvalHaveTheKeysThatOthersBuildOn) {
  v1::SweepReport sweep;
  sweep.add_rows();
  ExpectKeys(Parsed(sweep)["rows"][0], {"run", "pattern", "workers", "network"});
  v1::BenchReport bench;
  bench.add_rows();
  ExpectKeys(Parsed(bench)["rows"][0],
             {"bytes", "workers", "algorithm", "median_us", "p99_us", "min_us", "max_us", "p25_us",
              "p75_us", "bandwidth_bytes_per_second", "iterations"});
  ExpectKeys(Parsed(v1::EvalReport()), {"loss", "tokens", "pattern", "workers"});
}

TEST(TableTest, ABenchmarkSaysItsNetworkItsSpreadAndWhetherItIsValid) {
  v1::BenchReport bench;
  bench.set_network("lte");
  v1::BenchRow* row = bench.add_rows();
  row->set_algorithm("ring");
  row->set_median_us(200);
  row->set_p25_us(190);
  row->set_p75_us(230);
  bench.mutable_verdict()->set_reason("valid (nothing was late)");
  const std::string table = BenchTable(bench);
  EXPECT_THAT(table, HasSubstr("190 to 230"));
  EXPECT_THAT(table, HasSubstr("network: lte\nverdict: valid (nothing was late)\n"));
}

TEST(JsonTest, ByteCountsAreNumbers) {
  v1::PlanReport plan;
  plan.mutable_bytes_per_step_per_rank()->set_activation_fwd(3145728);
  EXPECT_EQ(Parsed(plan)["bytes_per_step_per_rank"]["activation_fwd"], 3145728);
}

}  // namespace
}  // namespace edgetp
