#include "cli/shared/sample_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgetp {
namespace {

using testing::HasSubstr;
using testing::internal::CaptureStdout;
using testing::internal::GetCapturedStdout;

v1::SampleText Piece(const std::string& text) {
  v1::SampleText piece;
  piece.set_text(text);
  return piece;
}

TEST(SampleOutputTest, OneTextIsShownAsItComesBehindItsPrompt) {
  CaptureStdout();
  SampleOutput output({"the "});
  output.Show(Piece("quick "));
  output.Show(Piece("fo"));
  v1::SampleReport report;
  report.set_text("quick fox");
  output.Finish(report);
  EXPECT_EQ(GetCapturedStdout(), "the quick fox\n");
}

TEST(SampleOutputTest, WhoHasSeenNothingGetsAllOfIt) {
  CaptureStdout();
  v1::SampleReport report;
  report.set_text("fox");
  SampleOutput({"the "}).Finish(report);
  EXPECT_EQ(GetCapturedStdout(), "the fox\n");
}

TEST(SampleOutputTest, WhatCameIncompleteIsShownAgain) {
  CaptureStdout();
  SampleOutput output({"the "});
  output.Show(Piece("fox"));  // what came before it is not kept any more
  v1::SampleReport report;
  report.set_text("quick fox");
  output.Finish(report);
  EXPECT_EQ(GetCapturedStdout(), "the fox\nthe quick fox\n");
}

TEST(SampleOutputTest, AnInterruptedTextEndsItsLine) {
  CaptureStdout();
  SampleOutput output({"the "});
  output.Show(Piece("fo"));
  output.Abandon();
  SampleOutput({"a"}).Abandon();
  EXPECT_EQ(GetCapturedStdout(), "the fo\n");
}

TEST(SampleOutputTest, SeveralTextsAreShownOneAfterTheOther) {
  CaptureStdout();
  SampleOutput output({"a", "b"});
  output.Show(Piece("x"));
  v1::SampleReport report;
  report.add_continuations()->set_text("bc");
  report.add_continuations()->set_text("cd");
  output.Finish(report);
  EXPECT_EQ(GetCapturedStdout(), "[1] abc\n[2] bcd\n");
}

TEST(SampleOutputTest, TheLastLineSaysWhatATokenTook) {
  v1::SampleReport report;
  report.set_first_token_seconds(0.0412);
  report.set_token_seconds(0.00831);
  report.set_tokens_per_second(120);
  report.set_communication_share(0.712);
  report.set_network("wifi-5");
  report.set_workers(2);
  EXPECT_EQ(
      TimingText(report, 0),
      "time to first token 41.2 ms, 8.31 ms per token, 120 tokens/s, 71 % of it communication "
      "under wifi-5");
  EXPECT_THAT(TimingText(report, 0.008), HasSubstr("8.31 ms per token (predicted: 8 ms), "));
  report.set_workers(1);
  EXPECT_THAT(TimingText(report, 0), testing::EndsWith("120 tokens/s"));
}

TEST(SampleOutputTest, ATableHasARowForEachBatch) {
  v1::DecodeReport report;
  for (const int batch : {1, 4}) {
    v1::DecodeRow* const row = report.add_rows();
    row->set_model("gpt2");
    row->set_pattern("(sppp)*3");
    row->set_batch(batch);
    row->set_token_seconds(0.025);
    row->add_memory_bytes_per_rank()->set_total(1 << 30);
  }
  report.mutable_rows(1)->mutable_verdict()->set_reason("fine");
  const std::string table = DecodeTable(report);
  EXPECT_THAT(table, HasSubstr("gpt2"));
  EXPECT_THAT(table, HasSubstr("25.0"));
  EXPECT_THAT(table, HasSubstr("1 GiB"));
  EXPECT_THAT(table, HasSubstr("verdict (batch 4): fine"));
}

}  // namespace
}  // namespace edgetp
