#include "common/help/option_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/help/small_program.h"

namespace edgetp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

OptionText Find(const CLI::App& app, const std::string& name) {
  for (const OptionText& option : VisibleOptions(app)) {
    if (option.names.back() == name) return option;
  }
  ADD_FAILURE() << name << " is not there";
  return {};
}

TEST(OptionTextTest, SaysWhatMayFollowAnOption) {
  const SmallProgram small;
  const OptionText steps = Find(small.run(), "--steps");
  EXPECT_THAT(steps.names, ElementsAre("-s", "--steps"));
  EXPECT_EQ(steps.value, "INT");
  EXPECT_EQ(steps.rule, "INT in [1 - 9]");
  EXPECT_THAT(Find(small.run(), "--format").words, ElementsAre("table", "json"));
  EXPECT_EQ(Find(small.run(), "--token").variable, "SMALL_TOKEN");
  EXPECT_EQ(Find(small.run(), "--fast").value, "");
  EXPECT_TRUE(Find(small.run(), "--networks").repeats);
}

TEST(OptionTextTest, AnArgumentWithoutADashHasItsNameAlone) {
  const SmallProgram small;
  const OptionText name = Find(small.show(), "name");
  EXPECT_TRUE(name.positional);
  EXPECT_EQ(name.value, "NETWORK");
}

TEST(OptionTextTest, WhatHelpHidesIsHidden) {
  const SmallProgram small;
  for (const OptionText& option : VisibleOptions(small.run()))
    EXPECT_NE(option.names.back(), "--secret");
}

TEST(OptionTextTest, CommandsAreVisitedWithTheirPaths) {
  const SmallProgram small;
  std::vector<std::string> paths;
  VisitCommands(small.app(),
                [&paths](const std::string& path, const CLI::App&) { paths.push_back(path); });
  EXPECT_THAT(paths, ElementsAre("small", "small run", "small net", "small net show"));
}

}  // namespace
}  // namespace edgetp
