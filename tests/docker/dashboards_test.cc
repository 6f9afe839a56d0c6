// The dashboards against Grafana's documented model (dashboard JSON, schema 39: Grafana 10.3 to
// 11), and their queries against our own table of metrics. Neither Grafana nor Prometheus is
// needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/metrics/metrics.h"

namespace edgetp {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using Json = nlohmann::json;

namespace fs = std::filesystem;

const char* const kDocker = EDGETP_SOURCE_DIR "/docker";

std::string ReadFile(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// By file name.
std::map<std::string, Json> Dashboards() {
  std::map<std::string, Json> dashboards;
  for (const auto& entry : fs::directory_iterator(absl::StrCat(kDocker, "/grafana/dashboards"))) {
    dashboards[entry.path().filename()] = Json::parse(ReadFile(entry.path()), nullptr, false);
  }
  return dashboards;
}

struct PanelOf {
  std::string place;  // "cluster.json: Step time"
  Json panel;
};

std::vector<PanelOf> Panels() {
  std::vector<PanelOf> panels;
  for (const auto& [file, dashboard] : Dashboards()) {
    for (const Json& panel : dashboard["panels"]) {
      panels.push_back({absl::StrCat(file, ": ", panel.value("title", "?")), panel});
    }
  }
  return panels;
}

std::set<std::string> KeysOf(const Json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

// Options that a panel of this type has to have, by type; other types are not known here.
const std::map<std::string, std::set<std::string>>& PanelTypes() {
  static const auto* const types = new std::map<std::string, std::set<std::string>>{
      {"stat", {"reduceOptions", "textMode", "colorMode", "graphMode", "orientation"}},
      {"gauge", {"reduceOptions", "orientation", "showThresholdLabels", "showThresholdMarkers"}},
      {"timeseries", {"legend", "tooltip"}},
      {"trend", {"legend", "tooltip"}},
      {"barchart", {"legend", "tooltip", "orientation", "stacking", "showValue", "barWidth"}},
      {"table", {"showHeader", "cellHeight", "footer"}},
      {"state-timeline", {"mergeValues", "showValue", "rowHeight", "legend", "tooltip"}},
  };
  return *types;
}

// Every PromQL expression, with the place where it is.
std::vector<std::pair<std::string, std::string>> Expressions() {
  std::vector<std::pair<std::string, std::string>> expressions;
  for (const PanelOf& each : Panels()) {
    for (const Json& target : each.panel["targets"])
      expressions.emplace_back(each.place, target.value("expr", ""));
  }
  for (const auto& [file, dashboard] : Dashboards()) {
    for (const Json& query : dashboard["annotations"]["list"]) {
      if (!query.contains("target")) continue;
      expressions.emplace_back(absl::StrCat(file, ": ", query.value("name", "?")),
                               query["target"].value("expr", ""));
    }
    for (const Json& variable : dashboard["templating"]["list"])
      expressions.emplace_back(file, variable.value("definition", ""));
  }
  expressions.emplace_back("alerts.yml", ReadFile(absl::StrCat(kDocker, "/prometheus/alerts.yml")));
  return expressions;
}

// The row of a series' name, or nullptr: a histogram's series have a suffix.
const MetricInfo* FindMetric(const std::string& series) {
  for (const MetricInfo& info : AllMetrics()) {
    if (series == info.name) return info.kind == MetricKind::kHistogram ? nullptr : &info;
    if (info.kind != MetricKind::kHistogram) continue;
    for (const char* suffix : {"_bucket", "_sum", "_count"}) {
      if (series == absl::StrCat(info.name, suffix)) return &info;
    }
  }
  return nullptr;
}

std::set<std::string> LabelsOf(const MetricInfo& info) {
  std::set<std::string> labels(info.labels.begin(), info.labels.end());
  labels.insert({"job", "instance"});
  if (info.kind == MetricKind::kHistogram) labels.insert("le");
  return labels;
}

std::vector<std::smatch> AllMatches(const std::string& text, const std::regex& pattern) {
  return {std::sregex_iterator(text.begin(), text.end(), pattern), std::sregex_iterator()};
}

TEST(DashboardsTest, ThereAreThreeAndTheyAreWhole) {
  EXPECT_EQ(Dashboards().size(), 3u);
  std::set<std::string> uids;
  for (const auto& [file, dashboard] : Dashboards()) {
    ASSERT_FALSE(dashboard.is_discarded()) << file << " is not JSON";
    EXPECT_TRUE(uids.insert(dashboard["uid"]).second) << file;
    EXPECT_LE(dashboard["uid"].get<std::string>().size(), 40u) << file;
    EXPECT_EQ(dashboard["schemaVersion"], 39) << file;
    EXPECT_EQ(dashboard["refresh"], "5s") << file;
    EXPECT_NE(dashboard["description"], "") << file;
    EXPECT_THAT(dashboard["tags"], Contains("edgetp")) << file;
    EXPECT_FALSE(dashboard.contains("id")) << file << ": an id belongs to one Grafana's database";
  }
}

TEST(DashboardsTest, EachLinksToTheOthersAndKeepsTimeAndVariables) {
  for (const auto& [file, dashboard] : Dashboards()) {
    ASSERT_EQ(dashboard["links"].size(), 1u) << file;
    const Json& link = dashboard["links"][0];
    EXPECT_EQ(link["type"], "dashboards") << file;
    EXPECT_THAT(link["tags"], Contains("edgetp")) << file;
    EXPECT_TRUE(link["includeVars"].get<bool>() && link["keepTime"].get<bool>()) << file;
  }
}

TEST(DashboardsTest, ChangesOfTheNetworkAreAnnotated) {
  for (const auto& [file, dashboard] : Dashboards()) {
    std::set<std::string> names;
    for (const Json& query : dashboard["annotations"]["list"]) names.insert(query["name"]);
    EXPECT_THAT(names, IsSupersetOf({"Network changes", "Runs", "Alerts"})) << file;
  }
}

TEST(DashboardsTest, EveryQueryNamesTheProvisionedDataSource) {
  const std::string provisioned =
      ReadFile(absl::StrCat(kDocker, "/grafana/provisioning/datasources/prometheus.yml"));
  EXPECT_THAT(provisioned, HasSubstr("uid: prometheus\n"));
  const Json source = {{"type", "prometheus"}, {"uid", "prometheus"}};
  for (const PanelOf& each : Panels()) {
    EXPECT_EQ(each.panel["datasource"], source) << each.place;
    for (const Json& target : each.panel["targets"])
      EXPECT_EQ(target["datasource"], source) << each.place;
  }
  for (const auto& [file, dashboard] : Dashboards()) {
    for (const Json& variable : dashboard["templating"]["list"])
      EXPECT_EQ(variable["datasource"], source) << file;
  }
}

TEST(PanelsTest, EachIsOfAKnownTypeWithItsOptions) {
  for (const PanelOf& each : Panels()) {
    const auto type = PanelTypes().find(each.panel["type"]);
    ASSERT_NE(type, PanelTypes().end()) << each.place << ": " << each.panel["type"];
    EXPECT_THAT(KeysOf(each.panel["options"]), IsSupersetOf(type->second)) << each.place;
  }
}

TEST(PanelsTest, EachSaysWhatItShowsAndHowToReadIt) {
  std::set<std::string> titles;
  for (const PanelOf& each : Panels()) {
    EXPECT_TRUE(titles.insert(each.place).second) << each.place << " is there twice";
    const std::string description = each.panel.value("description", "");
    EXPECT_GT(description.size(), 30u) << each.place;
    EXPECT_TRUE(absl::EndsWith(description, ".")) << each.place;
  }
}

TEST(PanelsTest, EachNumberHasAUnit) {
  for (const PanelOf& each : Panels()) {
    if (each.panel["options"].value("textMode", "") == "name") continue;
    EXPECT_TRUE(each.panel["fieldConfig"]["defaults"].contains("unit")) << each.place;
  }
}

TEST(PanelsTest, IdsAreUniqueAndSoAreTheQueriesOfAPanel) {
  for (const auto& [file, dashboard] : Dashboards()) {
    std::set<int> ids;
    for (const Json& panel : dashboard["panels"]) {
      EXPECT_TRUE(ids.insert(panel["id"].get<int>()).second) << file << ": " << panel["title"];
      std::set<std::string> refs;
      for (const Json& target : panel["targets"])
        EXPECT_TRUE(refs.insert(target["refId"]).second) << file << ": " << panel["title"];
      EXPECT_FALSE(refs.empty()) << file << ": " << panel["title"];
    }
  }
}

TEST(PanelsTest, TheyFillTheGridWithoutOverlaps) {
  for (const auto& [file, dashboard] : Dashboards()) {
    std::map<std::pair<int, int>, std::string> taken;
    int bottom = 0;
    for (const Json& panel : dashboard["panels"]) {
      const Json& pos = panel["gridPos"];
      const int x = pos["x"], y = pos["y"], w = pos["w"], h = pos["h"];
      EXPECT_TRUE(x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= 24)
          << file << ": " << panel["title"];
      for (int cell = 0; cell < w * h; ++cell) {
        const auto [other, is_free] =
            taken.emplace(std::make_pair(x + cell % w, y + cell / w), panel["title"]);
        EXPECT_TRUE(is_free) << file << ": " << panel["title"] << " lies on " << other->second;
      }
      bottom = std::max(bottom, y + h);
    }
    EXPECT_EQ(taken.size(), static_cast<size_t>(24 * bottom)) << file << " has empty corners";
  }
}

TEST(PanelsTest, TransformationsAndOverridesAreKnown) {
  const std::set<std::string> known = {"merge",  "joinByField",      "organize",
                                       "sortBy", "groupingToMatrix", "convertFieldType"};
  const std::regex property("unit|decimals|min|max|color|thresholds|mappings|custom\\.[a-zA-Z]+");
  for (const PanelOf& each : Panels()) {
    for (const Json& step : each.panel.value("transformations", Json::array()))
      EXPECT_THAT(known, Contains(step["id"].get<std::string>())) << each.place;
    for (const Json& change : each.panel["fieldConfig"]["overrides"]) {
      EXPECT_EQ(change["matcher"]["id"], "byName") << each.place;
      for (const Json& what : change["properties"])
        EXPECT_TRUE(std::regex_match(what["id"].get<std::string>(), property)) << each.place;
    }
  }
}

TEST(VariablesTest, WhatIsUsedIsDefinedAndWhatIsDefinedIsUsed) {
  const std::set<std::string> built_in = {"__rate_interval", "__range", "__interval"};
  const std::regex use("\\$\\{?(\\w+)");
  for (const auto& [file, dashboard] : Dashboards()) {
    std::set<std::string> defined, used;
    for (const Json& variable : dashboard["templating"]["list"]) {
      defined.insert(variable["name"]);
      EXPECT_TRUE(variable["multi"].get<bool>() && variable["includeAll"].get<bool>()) << file;
    }
    for (const Json& panel : dashboard["panels"]) {
      for (const Json& target : panel["targets"]) {
        const std::string expr = target["expr"];
        for (const std::smatch& match : AllMatches(expr, use)) {
          // "$1" is label_replace's own.
          if (!built_in.contains(match[1]) && match[1] != "1") used.insert(match[1]);
        }
      }
    }
    EXPECT_EQ(used, defined) << file;
    EXPECT_THAT(defined, Contains("run")) << file;
    EXPECT_THAT(defined, Contains("pattern")) << file;
  }
}

TEST(QueriesTest, EveryMetricIsInOurTableAndHasTheLabelsThatAreAskedFor) {
  const std::regex series("\\b(edgetp_[a-z0-9_]+)(?:\\{([^}]*)\\})?");
  const std::regex key("(\\w+)\\s*(?:=~|!~|!=|=)\\s*\"[^\"]*\"");
  const std::set<std::string> jobs = {"edgetp_worker", "edgetp_server"};
  for (const auto& [place, expression] : Expressions()) {
    for (const std::smatch& match : AllMatches(expression, series)) {
      if (jobs.contains(match[1])) continue;
      const MetricInfo* const info = FindMetric(match[1]);
      ASSERT_NE(info, nullptr) << place << ": no metric " << match[1];
      const std::string selectors = match[2];
      for (const std::smatch& label : AllMatches(selectors, key))
        EXPECT_THAT(LabelsOf(*info), Contains(label[1].str())) << place << ": " << match[0];
    }
  }
}

TEST(QueriesTest, EveryGroupingIsByAKnownLabel) {
  // Labels that the queries themselves make are the last three.
  std::set<std::string> labels = {"job", "instance", "le", "alertname", "cell", "from", "to"};
  for (const MetricInfo& info : AllMetrics()) labels.merge(LabelsOf(info));
  const std::regex grouping("\\b(?:by|on|ignoring|without|group_left)\\s*\\(([^)]*)\\)");
  const std::regex word("\\w+");
  for (const auto& [place, expression] : Expressions()) {
    for (const std::smatch& match : AllMatches(expression, grouping)) {
      const std::string list = match[1];
      for (const std::smatch& label : AllMatches(list, word))
        EXPECT_THAT(labels, Contains(label[0].str())) << place << ": " << match[0];
    }
  }
}

}  // namespace
}  // namespace edgetp
