// Runs that keep every rule, for tests that break one.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/config/defaults.h"
#include "common/config/override.h"

namespace edgetp {

// A run of which `model` says what has no default, changed as asked after the defaults.
inline v1::RunConfig CompleteRunOf(const std::vector<std::string>& model,
                                   const std::vector<std::string>& overrides) {
  v1::RunConfig config;
  const absl::Status status = ApplyOverrides(model, &config);
  EXPECT_TRUE(status.ok()) << status;
  FillDefaults(&config);
  const absl::Status changed = ApplyOverrides(overrides, &config);
  EXPECT_TRUE(changed.ok()) << changed;
  return config;
}

}  // namespace edgetp
