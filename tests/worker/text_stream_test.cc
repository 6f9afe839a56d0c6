#include "worker/job/text_stream.h"

#include <gtest/gtest.h>

namespace edgetp {
namespace {

TEST(TextStreamTest, TextComesAsItsTokensCome) {
  TextStream stream({});
  EXPECT_EQ(stream.Add("the "), "the ");
  EXPECT_EQ(stream.Add("fox"), "fox");
  EXPECT_EQ(stream.Finish(), "");
  EXPECT_EQ(stream.text(), "the fox");
}

TEST(TextStreamTest, ACharacterIsNeverCut) {
  TextStream stream({});
  EXPECT_EQ(stream.Add("a\xE2"), "a");
  EXPECT_EQ(stream.Add("\x82"), "");
  EXPECT_EQ(stream.Add("\xAC!\xF0\x9F"), "\xE2\x82\xAC!");
  EXPECT_EQ(stream.Finish(), "");  // half a character at the end
  EXPECT_EQ(stream.text(), "a\xE2\x82\xAC!");
}

TEST(TextStreamTest, BytesThatAreNoTextAreReplaced) {
  TextStream stream({});
  EXPECT_EQ(stream.Add("a\xFF\x80z"), "a\xEF\xBF\xBD\xEF\xBF\xBDz");
}

TEST(TextStreamTest, NothingFollowsAStopTextNorDoesTheStopItself) {
  TextStream stream({"\n\n", "END"});
  EXPECT_EQ(stream.Add("one\n"), "one");
  EXPECT_EQ(stream.Add("two EN"), "\ntwo ");
  EXPECT_FALSE(stream.stopped());
  EXPECT_EQ(stream.Add("D of it\n\n"), "");
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.Add("more"), "");
  EXPECT_EQ(stream.Finish(), "");
  EXPECT_EQ(stream.text(), "one\ntwo ");
}

TEST(TextStreamTest, TheFirstOfSeveralStopsCounts) {
  TextStream stream({"cd", "b"});
  EXPECT_EQ(stream.Add("abcd"), "a");
}

TEST(TextStreamTest, WhatOnlyLookedLikeAStopIsToldInTheEnd) {
  TextStream stream({"STOP"});
  EXPECT_EQ(stream.Add("SSTO"), "S");
  EXPECT_EQ(stream.Add("!"), "STO!");
  EXPECT_EQ(stream.Add("ST"), "");
  EXPECT_EQ(stream.Finish(), "ST");
  EXPECT_EQ(stream.text(), "SSTO!ST");
}

TEST(TextStreamTest, AStopMaySpanManyTokens) {
  TextStream stream({"aab"});
  std::string text;
  for (const char* token : {"a", "a", "a", "b", "c"}) text += stream.Add(token);
  EXPECT_EQ(text, "a");
  EXPECT_TRUE(stream.stopped());
}

}  // namespace
}  // namespace edgetp
