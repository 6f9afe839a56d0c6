#include "common/help/man_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/help/small_program.h"

namespace edgetp {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ManPageTest, HasASectionForEachCommandWithItsOptions) {
  const std::string page = ManPage(SmallProgram().app(), "2.3");
  EXPECT_THAT(page, HasSubstr(".TH SMALL 1 \"\" \"edgetp 2.3\""));
  EXPECT_THAT(page, HasSubstr("small \\- Small things\n"));
  EXPECT_THAT(page, HasSubstr(".SS small run\nDo them.\n"));
  EXPECT_THAT(page, HasSubstr("\\fB\\-s\\fR, \\fB\\-\\-steps\\fR=\\fIINT\\fR"));
  EXPECT_THAT(page, HasSubstr("Must be INT in [1 \\- 9]."));
  EXPECT_THAT(page, HasSubstr("One of: table, json."));
  EXPECT_THAT(page, Not(HasSubstr("secret\\fR")));
}

TEST(ManPageTest, AFooterBecomesSections) {
  const std::string page = ManPage(SmallProgram().app(), "2.3");
  EXPECT_THAT(page, HasSubstr(".SH EXAMPLES\n.PP\n.EX\nsmall run \\-\\-fast\nsmall run 'a b'\n.EE\n"
                              ".PP\nExit codes: 0 done.\n"));
}

TEST(ManPageTest, NamesVariablesOnce) {
  const std::string page = ManPage(SmallProgram().app(), "2.3");
  EXPECT_THAT(page, HasSubstr(".SH ENVIRONMENT\n.TP\n\\fBSMALL_TOKEN\\fR\n"));
}

TEST(ManPageTest, NoTextIsTakenForACommandOfRoff) {
  CLI::App app(".so /etc/passwd", "small");
  const std::string page = ManPage(app, "1");
  EXPECT_THAT(page, Not(HasSubstr("\n.so")));
  EXPECT_THAT(page, HasSubstr("\\&.so"));
}

}  // namespace
}  // namespace edgetp
