#include "cli/shared/simulate_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_split.h"
#include "cli/shared/output.h"

namespace edgetp {
namespace {

using testing::HasSubstr;
using testing::Not;

v1::SimulateReport Row(const std::string& network, double seconds) {
  v1::SimulateReport row;
  row.set_model("gpt2");
  row.set_pattern("sppp");
  row.set_workers(16);
  row.set_network(network);
  row.set_device("raspberry-pi-zero-2w*8+raspberry-pi-4*8");
  row.set_allreduce_algorithm("halving_doubling");
  row.set_steps(100);
  row.set_step_seconds(seconds);
  row.set_step_seconds_p99(2 * seconds);
  row.set_mean_step_seconds(seconds);
  row.set_bytes_on_the_wire_per_rank(123456789012.0);
  row.mutable_breakdown_seconds()->set_serialization(seconds);
  row.add_memory_bytes_per_rank()->set_total(3e9);
  row.add_device_memory_bytes_per_rank(5e8);
  row.add_fits(false);
  row.set_smallest_workers_that_fit(64);
  row.set_reason("153 minutes per step: serialization is 96 % of it");
  return row;
}

TEST(SimulateTableTest, EveryTableFitsInAHundredColumns) {
  v1::SimulateSweepReport sweep;
  *sweep.add_rows() = Row("wifi-5-ordinary", 9180);
  *sweep.add_rows() = Row("lora-sf7", 55112543);
  sweep.mutable_rows(1)->set_workers(2);
  v1::Crossover* crossover = sweep.add_crossovers();
  crossover->set_network("lora-sf7");
  crossover->set_faster_below(std::string(96, 't'));
  crossover->set_faster_above(std::string(48, 's'));
  const std::string text = SimulateSweepTable(sweep, {"(sppp)*3", "(tttt)*3"}) +
                           SimulateTable(sweep.rows(0), "(sppp)*3");
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (const std::string& line : lines) EXPECT_LE(line.size(), 100u) << line;
}

TEST(SimulateTableTest, ExchangesUnderComputeAreBesideTheTermsWhereThereAreAny) {
  v1::SimulateSweepReport sweep;
  *sweep.add_rows() = Row("wifi-5-ordinary", 9);
  EXPECT_THAT(SimulateTable(sweep.rows(0), "sppp"), Not(HasSubstr("under compute")));
  EXPECT_THAT(SimulateSweepTable(sweep, {"sppp"}), Not(HasSubstr("hid-")));
  sweep.mutable_rows(0)->set_hidden_seconds(0.0142);
  EXPECT_THAT(SimulateTable(sweep.rows(0), "sppp"), HasSubstr("14.2 ms of exchanges"));
  const std::string table = SimulateSweepTable(sweep, {"(sppp)*3"});
  EXPECT_THAT(table, HasSubstr("hid-"));
  for (const absl::string_view line : absl::StrSplit(table, '\n')) EXPECT_LE(line.size(), 100u);
}

TEST(SimulateTableTest, WhatIsNotFeasibleSaysWhy) {
  const std::string table = SimulateTable(Row("lora-sf7", 9180), "sppp");
  EXPECT_THAT(table, HasSubstr("no, 153 minutes per step: serialization is 96 % of it"));
  EXPECT_THAT(table, HasSubstr("NO; the smallest number of workers that fits is 64"));
}

TEST(SimulateTableTest, ADeviceOfUnknownMemoryIsNotJudged) {
  v1::SimulateReport row = Row("none", 1);
  row.set_device_memory_bytes_per_rank(0, 0);
  EXPECT_THAT(SimulateTable(row, "sppp"), HasSubstr("unknown: the device profile says no memory"));
}

TEST(SimulateTableTest, CrossoversAreSentences) {
  v1::SimulateSweepReport sweep;
  *sweep.add_rows() = Row("home", 1);
  EXPECT_THAT(SimulateSweepTable(sweep, {"sppp"}), Not(HasSubstr("crossover")));
  sweep.set_crossover_max_delay_seconds(10);
  EXPECT_THAT(SimulateSweepTable(sweep, {"sppp"}),
              HasSubstr("no crossover: the order of the patterns is the same at every delay"));
  v1::Crossover* crossover = sweep.add_crossovers();
  crossover->set_network("home");
  crossover->set_workers(2);
  crossover->set_device("pi");
  crossover->set_faster_below("tttt");
  crossover->set_faster_above("sppp");
  crossover->set_delay_seconds(0.0125);
  EXPECT_THAT(
      SimulateSweepTable(sweep, {"sppp"}),
      HasSubstr("crossover on home, 2 x pi: tttt is faster below a delay of 12.5 ms, sppp"));
}

TEST(SimulateTableTest, TheCheapestAllReduceIsMarked) {
  v1::AllReduceReport report;
  v1::AllReducePrice* row = report.add_rows();
  row->set_algorithm("ring");
  row->set_cheapest(true);
  EXPECT_THAT(AllReduceTable(report), HasSubstr("cheapest"));
}

TEST(SimulateJsonTest, HasTheKeysThatOthersBuildOn) {
  const nlohmann::json json = nlohmann::json::parse(ToJson(Row("lte", 1)));
  for (const char* key : {"step_seconds", "tokens_per_second", "breakdown_seconds",
                          "allreduce_algorithm", "fits", "feasible", "reason", "workers"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  for (const char* key :
       {"compute", "software", "queueing", "serialization", "propagation", "jitter", "straggler"}) {
    EXPECT_TRUE(json["breakdown_seconds"].contains(key)) << key;
  }
  EXPECT_TRUE(json["step_seconds"].is_number());
  EXPECT_TRUE(json["fits"].is_array());
}

TEST(SimulateTableTest, StrategiesAreComparedByTokensPerSecond) {
  v1::SimulateSweepReport sweep;
  *sweep.add_rows() = Row("wifi-5-ordinary", 9);
  *sweep.add_rows() = Row("wifi-5-ordinary", 18);
  sweep.mutable_rows(0)->set_tokens_per_second(100);
  sweep.mutable_rows(0)->mutable_strategy()->set_name("one");
  sweep.mutable_rows(1)->set_tokens_per_second(250);
  sweep.mutable_rows(1)->mutable_strategy()->set_name("local");
  sweep.mutable_rows(1)->mutable_strategy()->set_round_steps(100);
  sweep.mutable_rows(1)->mutable_strategy()->set_round_seconds(1800);
  sweep.mutable_rows(1)->set_workers(1);
  sweep.mutable_rows(1)->set_allreduce_algorithm("none");
  const std::string text = SimulateSweepTable(sweep, {"one", "local"});
  EXPECT_THAT(text, HasSubstr("2.50 x"));
  EXPECT_THAT(text, HasSubstr("local: a step is one of 100, which take with their exchange"));
  EXPECT_THAT(text, Not(HasSubstr("sync")));
  const std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (const std::string& line : lines) EXPECT_LE(line.size(), 100u) << line;
}

TEST(SimulateTableTest, OneStrategySaysHowItUsesItsDevices) {
  v1::SimulateReport row = Row("lte", 9);
  row.mutable_strategy()->set_name("pipeline");
  row.mutable_strategy()->set_schedule("1f1b");
  row.mutable_strategy()->add_stage_layers(7);
  row.mutable_strategy()->add_stage_layers(5);
  EXPECT_THAT(SimulateTable(row, "pipeline"), HasSubstr("pipeline, 1f1b, layers by stage 7, 5"));
}

}  // namespace
}  // namespace edgetp
