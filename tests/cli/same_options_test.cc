#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/shared/command.h"

namespace edgetp {
namespace {

using testing::ElementsAre;

class SameOptionsTest : public testing::Test {
 protected:
  SameOptionsTest() {
    from_->add_option("--steps", number_);
    from_->add_option("--set", words_)->allow_extra_args(false);
    from_->add_option("--device", words_)->delimiter(',');
    from_->add_flag("--wide", wide_);
    from_->add_option("--seeds", number_);
    from_->add_option("--format", words_);
    for (const char* name : {"--steps", "--set", "--device", "--wide", "--format", "--more"})
      to_->add_option(name);
  }

  CLI::App app_;
  CLI::App* from_ = app_.add_subcommand("from");
  CLI::App* to_ = app_.add_subcommand("to");
  int number_ = 0;
  bool wide_ = false;
  std::vector<std::string> words_;
};

TEST_F(SameOptionsTest, AreThoseThatWereTypedAndThatBothKnow) {
  app_.parse(
      "from --steps=3 --seeds=2 --format=json --set=a=1 --set 'b=x y' --device=one,two --wide");
  EXPECT_THAT(SameOptions(*from_, *to_, {"--format"}),
              ElementsAre("--steps=3", "--set=a=1", "--set='b=x y'", "--device=one", "--device=two",
                          "--wide=true"));
}

TEST_F(SameOptionsTest, OfNothingTypedThereAreNone) {
  app_.parse("from");
  EXPECT_TRUE(SameOptions(*from_, *to_, {}).empty());
}

TEST(ShellWordTest, IsQuotedWhereAShellWouldReadMore) {
  EXPECT_EQ(ShellWord("--pattern=tsst"), "--pattern=tsst");
  EXPECT_EQ(ShellWord("--pattern=t@0.5t"), "--pattern=t@0.5t");
  EXPECT_EQ(ShellWord("--pattern=(ts)*2"), "--pattern='(ts)*2'");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
  EXPECT_EQ(ShellWord("t~2"), "'t~2'");
  EXPECT_EQ(ShellWord(""), "''");
}

}  // namespace
}  // namespace edgetp
