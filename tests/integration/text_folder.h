// A folder with a small text, for the tests that run the real programs in it.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/integration/command.h"
#include "tests/temporary_folder.h"

namespace edgetp {

// Arguments that make any run on the folder's text small: two layers, two heads, two sequences of
// 16 tokens.
inline std::vector<std::string> TinyModel() {
  return {"--batch=2",           "--sequence=16",           "--set=model.layers=2",
          "--set=model.heads=2", "--set=model.channels=16", "--set=train.eval_windows=4"};
}

class TextFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream text(folder_ + "/text.txt");
    for (int i = 0; i < 400; ++i)
      text << "the quick brown fox jumps over the lazy dog " << i << "\n";
  }

  // Runs a command on a tiny model of the text, and returns what it prints.
  nlohmann::json Json(const std::string& command, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {command, "--data=text.txt", "--format=json"};
    for (const std::string& argument : TinyModel()) arguments.push_back(argument);
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CommandResult result = RunEdgetp(folder_, arguments);
    EXPECT_EQ(result.code, 0) << result.err;
    return nlohmann::json::parse(result.out, nullptr, /*allow_exceptions=*/false);
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
};

}  // namespace edgetp
