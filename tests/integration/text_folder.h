// A folder with a small text, for the tests that run the real programs in it.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace edgetp {

class TextFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = testing::TempDir() + "/edgetp-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    folder_ = path;
    std::ofstream text(folder_ + "/text.txt");
    for (int i = 0; i < 400; ++i)
      text << "the quick brown fox jumps over the lazy dog " << i << "\n";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

}  // namespace edgetp
