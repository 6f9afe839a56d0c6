#include "common/help/bash_completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/help/small_program.h"

namespace edgetp {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

// What bash offers after words that it has taken apart itself: the last one is to be completed.
std::vector<std::string> Complete(const std::vector<std::string>& words) {
  const std::string path = testing::TempDir() + "/small_completion.bash";
  std::ofstream(path) << BashCompletion(SmallProgram().app(),
                                        {{"NETWORK", "list networks"}, {"MODEL", "list models"}})
                      // The program, as completion calls it.
                      << "small() { if [[ \"$*\" == 'list networks' ]]; then printf "
                         "'lte\\nwifi-5\\nwifi-6\\n'; fi; }\n"
                      << "COMP_WORDS=('" << absl::StrJoin(words, "' '") << "')\n"
                      << "COMP_CWORD=" << words.size() - 1 << "\n_small small\n"
                      << "for reply in \"${COMPREPLY[@]}\"; do echo \"$reply\"; done\n";
  FILE* bash = popen(absl::StrCat("bash '", path, "'").c_str(), "r");
  std::string output;
  for (int c = fgetc(bash); c != EOF; c = fgetc(bash)) output += static_cast<char>(c);
  EXPECT_EQ(pclose(bash), 0);
  return absl::StrSplit(output, '\n', absl::SkipEmpty());
}

TEST(BashCompletionTest, OffersCommandsAndOptions) {
  EXPECT_THAT(Complete({"small", ""}), ElementsAre("run", "net", "--help", "--version"));
  EXPECT_THAT(Complete({"small", "r"}), ElementsAre("run"));
  EXPECT_THAT(Complete({"small", "run", "--f"}), ElementsAre("--format=", "--fast"));
}

TEST(BashCompletionTest, OffersTheWordsThatAnOptionTakes) {
  EXPECT_THAT(Complete({"small", "run", "--format", "="}), ElementsAre("table", "json"));
  EXPECT_THAT(Complete({"small", "run", "--format", "=", "j"}), ElementsAre("json"));
  EXPECT_THAT(Complete({"small", "run", "--fast", "--format", "j"}), ElementsAre("json"));
}

TEST(BashCompletionTest, AsksTheProgramForNames) {
  EXPECT_THAT(Complete({"small", "net", "show", "w"}), ElementsAre("wifi-5", "wifi-6"));
  EXPECT_THAT(Complete({"small", "run", "--networks", "=", "l"}), ElementsAre("lte"));
}

TEST(BashCompletionTest, CompletesTheLastOfAList) {
  EXPECT_THAT(Complete({"small", "run", "--networks", "=", "wifi-5,lt"}),
              ElementsAre("wifi-5,lte"));
  EXPECT_THAT(Complete({"small", "run", "--networks", "=", "lte*2+wifi-6"}),
              ElementsAre("lte*2+wifi-6"));
}

TEST(BashCompletionTest, LeavesFilesToBashWhereItKnowsNothing) {
  EXPECT_THAT(Complete({"small", "run", "--token", "=", ""}), IsEmpty());
  EXPECT_THAT(Complete({"small", "run", "-s", ""}), IsEmpty());
}

TEST(BashCompletionTest, AFlagTakesNoValue) {
  EXPECT_THAT(Complete({"small", "run", "--fast", ""}), Contains("--steps="));
  EXPECT_THAT(Complete({"small", "run", ""}), Not(Contains("--secret=")));
}

}  // namespace
}  // namespace edgetp
