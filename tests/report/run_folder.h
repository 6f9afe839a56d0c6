// A folder of run directories, written as the server writes them, for tests of reports.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config/load.h"
#include "tests/config/complete_run.h"
#include "tests/temporary_folder.h"

namespace edgetp::testing {

struct RunFiles {
  std::string pattern = "ss";
  std::string network = "ethernet-1g";    // a preset
  std::string device = "raspberry-pi-5";  // a preset; empty: the host
  int seed = 1;
  int steps = 30;
  std::string model = "tiny";
  bool finished = true;
  std::vector<std::string> overrides;  // of the config
};

class RunFolder {
 public:
  const std::string& path() const { return path_; }
  std::string Of(const std::string& run) const { return path_ + "/" + run; }

  void Write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path_ + "/" + file).parent_path());
    std::ofstream(path_ + "/" + file, std::ios::binary) << text;
  }
  void Append(const std::string& file, const std::string& text) const {
    std::ofstream(path_ + "/" + file, std::ios::binary | std::ios::app) << text;
  }

  // Its directory.
  std::string Add(const std::string& name, const RunFiles& files = {}) const {
    Write(name + "/config.textproto", ToTextproto(ConfigOf(name, files)));
    std::string lines;
    for (int step = 1; step <= files.steps; ++step) lines += Line(step, files.steps).dump() + "\n";
    Write(name + "/metrics.jsonl", lines);
    if (files.finished) Write(name + "/summary.json", SummaryOf(name, files).dump(1));
    return Of(name);
  }

  static nlohmann::json Line(int step, int steps) {
    nlohmann::json line = {{"step", step},
                           {"wall_seconds", 0.1 * step},
                           {"train_loss", 4.0 - 2.0 * step / steps},
                           {"step_seconds", 0.1},
                           {"breakdown_seconds", {{"compute", 0.06}, {"serialization", 0.04}}},
                           {"energy", {{"joules", 2.0}}}};
    if (step == steps) line["val_loss"] = 2.1;
    return line;
  }

 private:
  static v1::RunConfig ConfigOf(const std::string& name, const RunFiles& files) {
    v1::RunConfig config = CompleteRunOf(
        {"model.layers=2", "model.heads=2", "model.channels=16", "model.sequence=8",
         "model.vocabulary=20"},
        {"pattern=" + files.pattern, "workers=2", absl::StrCat("train.steps=", files.steps),
         absl::StrCat("seed=", files.seed)});
    const ConfigLibrary library({std::string(EDGETP_SOURCE_DIR) + "/configs"});
    *config.mutable_network() = *library.Network(files.network);
    if (!files.device.empty()) *config.mutable_device() = *library.Device(files.device);
    config.mutable_model()->set_name(files.model);
    config.set_name(name);
    const absl::Status changed = ApplyOverrides(files.overrides, &config);
    EXPECT_TRUE(changed.ok()) << changed;
    return config;
  }

  static nlohmann::json SummaryOf(const std::string& name, const RunFiles& files) {
    return {{"run", name},
            {"pattern", files.pattern},
            {"workers", 2},
            {"network", files.network},
            {"clock", "emulated"},
            {"steps", files.steps},
            {"status", "done"},
            {"model", files.model},
            {"device", files.device},
            {"wall_seconds", 0.1 * files.steps},
            {"final", {{"train_loss", 2.0}, {"val_loss", 2.1}}},
            {"step_seconds", {{"median", 0.1}, {"p99", 0.1}}},
            {"breakdown_seconds", {{"compute", 0.06}, {"serialization", 0.04}}},
            {"bytes_on_the_wire_per_rank", 1000}};
  }

  const TemporaryFolder folder_;
  const std::string& path_ = folder_.path();
};

}  // namespace edgetp::testing
