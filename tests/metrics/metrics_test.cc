#include "common/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/check_names.h>
#include <prometheus/text_serializer.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/metrics/server_metrics.h"
#include "common/metrics/worker_metrics.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string RowOf(const MetricInfo& info) {
  const std::string labels =
      info.labels.empty() ? "" : absl::StrCat("`", absl::StrJoin(info.labels, "`, `"), "`");
  return absl::StrCat("| `", info.name, "` | ", NameOf(info.kind), " | ", NameOf(info.exporter),
                      " | ", labels, " | ", info.help, " |");
}

std::vector<std::string> RowsOfPage() {
  std::ifstream page(EDGETP_SOURCE_DIR "/docs/metrics.md");
  std::vector<std::string> rows;
  for (std::string line; std::getline(page, line);) {
    if (absl::StartsWith(line, "| `edgetp_")) rows.push_back(line);
  }
  return rows;
}

std::string Scrape(const MetricSet& metrics) {
  return prometheus::TextSerializer().Serialize(metrics.registry()->Collect());
}

// Every family that a process exports once it has done everything once.
std::set<std::string> Exported(const MetricSet& metrics) {
  std::set<std::string> names;
  for (const prometheus::MetricFamily& family : metrics.registry()->Collect())
    names.insert(family.name);
  return names;
}

std::set<std::string> Listed(Exporter exporter) {
  std::set<std::string> names;
  for (const MetricInfo& info : AllMetrics()) {
    if (info.exporter == exporter || info.exporter == Exporter::kBoth) names.insert(info.name);
  }
  return names;
}

constexpr absl::Time kNow = absl::UnixEpoch();

v1::StepRecord StepUnder(const std::string& network) {
  v1::StepRecord record;
  record.set_step(1);
  record.set_step_seconds(0.25);
  record.set_network(network);
  return record;
}

void UseEverything(ServerMetrics* metrics) {
  metrics->SetNetwork("lte", 1);
  metrics->BeginRun({.run = "a",
                     .model = "minigpt",
                     .pattern = "tt",
                     .network = "lte",
                     .workers = 2,
                     .clock = "emulated"});
  v1::StepRecord record = StepUnder("lte");
  record.set_train_loss(1);
  record.set_val_loss(2);
  record.set_mfu(0.25);
  record.mutable_energy()->add_joules_per_rank(5);
  metrics->Step(record);
  metrics->MediumGrant("a", 0.1, 0.2);
  metrics->EndRun("a", "done", kNow);
}

void UseEverything(WorkerMetrics* metrics) {
  metrics->SetInfo("worker-1", "host", "cpu", "openblas");
  const std::unique_ptr<RunMetrics> run = metrics->BeginRun("a", 1);
  run->Step(v1::StepReport());
  run->AllReduce({TrafficClass::kActivationForward, Phase::kForward, 0}, "ring", 0.001);
  run->Link(0, 1).messages->Increment();
}

TEST(MetricsPageTest, PageAndCodeListTheSameMetrics) {
  std::vector<std::string> rows;
  for (const MetricInfo& info : AllMetrics()) rows.push_back(RowOf(info));
  EXPECT_EQ(RowsOfPage(), rows) << "docs/metrics.md must hold these rows:\n"
                                << absl::StrJoin(rows, "\n");
}

TEST(MetricsTableTest, NamesKeepTheRulesOfPrometheus) {
  std::set<std::string> seen;
  for (const MetricInfo& info : AllMetrics()) {
    const std::string name = info.name;
    EXPECT_TRUE(seen.insert(name).second) << name << " is listed twice";
    EXPECT_TRUE(prometheus::CheckMetricName(name)) << name;
    EXPECT_TRUE(absl::StartsWith(name, "edgetp_")) << name;
    EXPECT_EQ(absl::EndsWith(name, "_total"), info.kind == MetricKind::kCounter) << name;
    for (const char* scaled : {"_ms", "_us", "_ns", "_milliseconds", "_kib", "_mib", "_bits"}) {
      EXPECT_THAT(name, Not(HasSubstr(scaled))) << "base units only";
    }
    EXPECT_THAT(name, Not(HasSubstr("rank"))) << "a rank is a label";
    EXPECT_TRUE(absl::EndsWith(info.help, ".")) << name << ": help is a sentence";
    for (const std::string& label : info.labels) EXPECT_THAT(label, Not(HasSubstr("__"))) << name;
  }
}

TEST(MetricsTableTest, TheServerExportsWhatTheTableSays) {
  MetricSet metrics;
  ServerMetrics server(&metrics);
  UseEverything(&server);
  EXPECT_EQ(Exported(metrics), Listed(Exporter::kServer));
}

TEST(MetricsTableTest, AWorkerExportsWhatTheTableSays) {
  MetricSet metrics;
  WorkerMetrics worker(&metrics);
  UseEverything(&worker);
  EXPECT_EQ(Exported(metrics), Listed(Exporter::kWorker));
}

TEST(WorkerMetricsTest, AStepReportAddsUpInTheCounters) {
  MetricSet metrics;
  WorkerMetrics worker(&metrics);
  const std::unique_ptr<RunMetrics> run = worker.BeginRun("a", 1);
  v1::StepReport report;
  report.set_step_seconds(0.25);
  report.mutable_breakdown_seconds()->set_compute(0.2);
  report.mutable_bytes()->set_grad_sync(100);
  run->Step(report);
  run->Step(report);
  const std::string text = Scrape(metrics);
  EXPECT_THAT(text, HasSubstr("edgetp_steps_total{rank=\"1\",run=\"a\"} 2"));
  EXPECT_THAT(
      text,
      HasSubstr("edgetp_step_breakdown_seconds_total{rank=\"1\",run=\"a\",term=\"compute\"} 0.4"));
  EXPECT_THAT(text,
              HasSubstr("edgetp_sent_bytes_total{class=\"grad_sync\",rank=\"1\",run=\"a\"} 200"));
}

TEST(WorkerMetricsTest, TheNextRunForgetsTheSeriesOfTheOneBefore) {
  MetricSet metrics;
  WorkerMetrics worker(&metrics);
  worker.BeginRun("old", 0)->Step(v1::StepReport());
  EXPECT_THAT(Scrape(metrics), HasSubstr("run=\"old\""));
  worker.BeginRun("new", 0)->Step(v1::StepReport());
  EXPECT_THAT(Scrape(metrics), Not(HasSubstr("run=\"old\"")));
  EXPECT_THAT(Scrape(metrics), HasSubstr("run=\"new\""));
}

TEST(ServerMetricsTest, OneProfileIsInForce) {
  MetricSet metrics;
  ServerMetrics server(&metrics);
  server.SetNetwork("wifi-5", 0);
  server.SetNetwork("lte", 1);
  EXPECT_THAT(Scrape(metrics), HasSubstr("edgetp_network_info{profile=\"lte\"} 1"));
  EXPECT_THAT(Scrape(metrics), Not(HasSubstr("wifi-5")));
}

TEST(ServerMetricsTest, OnlyAChangeOfTheProfileHasATime) {
  MetricSet metrics;
  ServerMetrics server(&metrics);
  server.SetNetwork("wifi-5", 0);
  server.SetNetwork("lan", 0);
  EXPECT_THAT(Scrape(metrics), Not(HasSubstr("change_timestamp_seconds{")));
  server.SetNetwork("lte", 1);
  EXPECT_THAT(Scrape(metrics), HasSubstr("change_timestamp_seconds{profile=\"lte\"}"));
}

TEST(ServerMetricsTest, AStepCountsForTheNetworkThatWasInForce) {
  MetricSet metrics;
  ServerMetrics server(&metrics);
  server.BeginRun({.run = "a", .network = "wifi-5"});
  server.Step(StepUnder("wifi-5"));
  server.Step(StepUnder("lte"));
  server.Step(StepUnder("lte"));
  const std::string text = Scrape(metrics);
  EXPECT_THAT(text, HasSubstr("edgetp_run_step_seconds_count{network=\"wifi-5\",run=\"a\"} 1"));
  EXPECT_THAT(text, HasSubstr("edgetp_run_step_seconds_count{network=\"lte\",run=\"a\"} 2"));
}

TEST(ServerMetricsTest, AnEvaluationBeforeTheFirstStepIsNoStep) {
  MetricSet metrics;
  ServerMetrics server(&metrics);
  server.BeginRun({.run = "a", .network = "lte"});
  v1::StepRecord before = StepUnder("lte");
  before.set_step(0);
  before.set_val_loss(4);
  server.Step(before);
  EXPECT_THAT(Scrape(metrics), HasSubstr("step_seconds_count{network=\"lte\",run=\"a\"} 0"));
  EXPECT_THAT(Scrape(metrics), HasSubstr("edgetp_run_val_loss{run=\"a\"} 4"));
}

TEST(ServerMetricsTest, EnergyIsCountedByRankAndOnlyWhereItIsKnown) {
  MetricSet metrics;
  ServerMetrics server(&metrics);
  server.BeginRun({.run = "host", .workers = 2});
  server.Step(StepUnder("lte"));
  EXPECT_THAT(Scrape(metrics), Not(HasSubstr("edgetp_run_energy_joules_total{")));
  server.BeginRun({.run = "paced", .workers = 2, .knows_energy = true});
  EXPECT_THAT(Scrape(metrics),
              HasSubstr("edgetp_run_energy_joules_total{rank=\"1\",run=\"paced\"} 0"));
  v1::StepRecord record = StepUnder("lte");
  for (const double joules : {3.0, 1.5}) record.mutable_energy()->add_joules_per_rank(joules);
  server.Step(record);
  server.Step(record);
  EXPECT_THAT(Scrape(metrics),
              HasSubstr("edgetp_run_energy_joules_total{rank=\"1\",run=\"paced\"} 3"));
}

TEST(ServerMetricsTest, AnEndedRunStaysForAWhileAndTheLastOneForGood) {
  MetricSet metrics;
  ServerMetrics server(&metrics);
  server.BeginRun({.run = "a"});
  server.EndRun("a", "done", kNow);
  server.ForgetEndedRuns(kNow + absl::Hours(1));
  EXPECT_THAT(Scrape(metrics), HasSubstr("run=\"a\""));
  server.BeginRun({.run = "b"});
  server.EndRun("b", "failed", kNow + absl::Seconds(3));
  server.BeginRun({.run = "c"});
  server.ForgetEndedRuns(kNow + absl::Seconds(11));
  EXPECT_THAT(Scrape(metrics), Not(HasSubstr("run=\"a\"")));
  EXPECT_THAT(Scrape(metrics), HasSubstr("run=\"b\""));
  server.ForgetEndedRuns(kNow + absl::Seconds(13));
  EXPECT_THAT(Scrape(metrics), Not(HasSubstr("run=\"b\"")));
  EXPECT_THAT(Scrape(metrics), HasSubstr("run=\"c\""));
}

TEST(MetricsEndpointTest, PortZeroTakesAFreePortAndSaysWhich) {
  MetricSet metrics;
  const auto endpoint = MetricsEndpoint::Create("127.0.0.1:0", metrics);
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_TRUE(absl::StartsWith((*endpoint)->address(), "127.0.0.1:"));
  EXPECT_FALSE(absl::EndsWith((*endpoint)->address(), ":0"));
}

TEST(MetricsEndpointTest, AnAddressInUseIsUnavailable) {
  MetricSet metrics;
  const auto first = MetricsEndpoint::Create("127.0.0.1:0", metrics);
  ASSERT_TRUE(first.ok());
  const absl::Status second = MetricsEndpoint::Create((*first)->address(), metrics).status();
  EXPECT_EQ(second.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.message()), HasSubstr((*first)->address()));
}

}  // namespace
}  // namespace edgetp
