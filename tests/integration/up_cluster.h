// A cluster of `edgetp up` on loopback, for the tests that drive one or add to it.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/command.h"

namespace edgetp {

class UpCluster {
 public:
  // Blocks until: its workers have joined, or half a minute (address() is empty then).
  UpCluster(const std::string& folder, int workers, const std::vector<std::string>& more = {})
      : up_(folder, Arguments(workers, more)) {
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    nlohmann::json status;
    while (!status.contains("address") && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(20));
      status = nlohmann::json::parse(up_.Out(), nullptr, /*allow_exceptions=*/false);
    }
    EXPECT_TRUE(status.contains("address")) << up_.Err();
    if (status.contains("address")) address_ = status["address"];
  }

  EdgetpCommand& command() { return up_; }
  const std::string& address() const { return address_; }
  std::string server() const { return "--server=" + address_; }

 private:
  static std::vector<std::string> Arguments(int workers, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"up", absl::StrCat("--workers=", workers),
                                          "--listen=127.0.0.1:0", "--format=json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }

  EdgetpCommand up_;
  std::string address_;
};

}  // namespace edgetp
