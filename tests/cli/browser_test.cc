#include "cli/shared/browser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/temporary_folder.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;

// A browser that is a script: what it does is up to the test.
class BrowserTest : public ::testing::Test {
 protected:
  void TearDown() override { unsetenv("CHROME"); }

  void Use(const std::string& script) {
    const std::string path = folder_ + "/browser";
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    fs::permissions(path, fs::perms::owner_all);
    setenv("CHROME", path.c_str(), /*overwrite=*/1);
  }

  absl::StatusOr<std::string> Dom(absl::Duration limit = absl::Seconds(60)) {
    absl::StatusOr<Browser> browser = Browser::Find();
    if (!browser.ok()) return browser.status();
    kept_ = browser->folder();
    return browser->Dom("file:///page", /*dark=*/false, limit);
  }

  const TemporaryFolder temporary_;
  const std::string folder_ = temporary_.path();
  std::string kept_;  // the browser's
};

TEST_F(BrowserTest, ItsStdoutIsThePageAndItsComplaintsAreNot) {
  Use("echo '<html></html>'; echo 'no bus' >&2");
  const auto dom = Dom();
  ASSERT_TRUE(dom.ok()) << dom.status();
  EXPECT_EQ(*dom, "<html></html>\n");
  EXPECT_FALSE(fs::exists(kept_));
}

TEST_F(BrowserTest, OneThatFailsSaysItsLastWords) {
  Use("echo 'cannot draw' >&2; exit 3");
  const auto dom = Dom();
  EXPECT_EQ(dom.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(dom.status().message()), HasSubstr("exited with code 3: cannot draw"));
}

TEST_F(BrowserTest, OneThatHangsIsKilledWithItsHelpers) {
  Use("sleep 1000 & echo $! > " + folder_ + "/helper; wait");
  const auto dom = Dom(absl::Seconds(1));
  EXPECT_EQ(dom.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(dom.status().message()), HasSubstr("it was killed"));
  int helper = 0;
  std::ifstream(folder_ + "/helper") >> helper;
  ASSERT_GT(helper, 0);
  // Its own parent is gone: somebody else may not have reaped it yet.
  std::string state = "Z";
  std::ifstream stat("/proc/" + std::to_string(helper) + "/stat");
  std::string pid, name;
  stat >> pid >> name >> state;
  EXPECT_THAT(state, ::testing::AnyOf("Z", "X"));
}

TEST_F(BrowserTest, AMissingOneIsNamed) {
  setenv("CHROME", "/no/such/browser", 1);
  EXPECT_EQ(Dom().status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(Dom().status().message()), HasSubstr("$CHROME=/no/such/browser"));
}

}  // namespace
}  // namespace edgetp
