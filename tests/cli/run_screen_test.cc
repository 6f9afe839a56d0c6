#include "cli/shared/run_screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/shared/drawings.h"
#include "common/config/load.h"

namespace edgetp {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// In characters, not bytes.
size_t Columns(const std::string& line) {
  return static_cast<size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

v1::RunEvent Step(int step, double loss) {
  v1::RunEvent event;
  v1::StepRecord& record = *event.mutable_step();
  record.set_step(step);
  record.set_train_loss(loss);
  record.set_step_seconds(0.1);
  record.set_tokens_per_second(7820);
  record.mutable_breakdown_seconds()->set_compute(0.06);
  record.mutable_breakdown_seconds()->set_propagation(0.04);
  return event;
}

RunScreen Running(int steps_done) {
  v1::StatusResponse::Run run;
  run.set_run("minigpt-sppp-wifi-5-20261122-143000-with-a-name-that-is-as-long-as-one");
  run.set_state("running");
  run.set_steps(2000);
  run.set_pattern("sppp");
  run.set_network("wifi-5");
  run.set_workers(2);
  RunScreen screen(run);
  const std::string configs = absl::StrCat(EDGETP_SOURCE_DIR, "/configs");
  const ConfigLibrary library({configs});
  screen.SetNetwork(*library.Network("commute"));
  for (int step = 1; step <= steps_done; ++step) screen.Add(Step(step, 4 - 0.01 * step));
  return screen;
}

std::string Text(const RunScreen& screen, const ScreenStyle& style = {}) {
  return absl::StrJoin(screen.Render(style, 185), "\n");
}

TEST(RunScreenTest, ItSaysHowFarTheRunIsWhatItLearnedAndWhereTimeGoes) {
  const std::string text = Text(Running(120));
  EXPECT_THAT(text, HasSubstr("step 120 of 2000"));
  EXPECT_THAT(text, HasSubstr("6 %  ETA 3m05s"));
  EXPECT_THAT(text, HasSubstr("loss 2.8000"));
  EXPECT_THAT(text, HasSubstr("7.82K tokens/s"));
  EXPECT_THAT(text, HasSubstr("mean of 20 steps"));
  EXPECT_THAT(text, HasSubstr("60 %"));
  EXPECT_THAT(text, HasSubstr("propagation"));
  EXPECT_THAT(text, Not(HasSubstr("straggler"))) << "a part of no time has no bar";
  EXPECT_THAT(text, HasSubstr("every link"));
  EXPECT_THAT(text, HasSubstr("next: "));
}

TEST(RunScreenTest, NoLineIsWiderThanTheTerminal) {
  for (const int width : {40, 80, 100}) {
    for (const bool unicode : {false, true}) {
      for (const std::string& line :
           Running(120).Render({.width = width, .unicode = unicode}, 185)) {
        EXPECT_LE(Columns(line), static_cast<size_t>(width)) << line;
      }
    }
  }
}

TEST(RunScreenTest, WithoutColorsThereAreNoEscapesAndWithoutUnicodeOnlyAscii) {
  const std::string plain = Text(Running(120));
  EXPECT_EQ(plain.find('\033'), std::string::npos);
  EXPECT_TRUE(std::all_of(plain.begin(), plain.end(), [](char c) { return (c & 0x80) == 0; }));
  EXPECT_NE(Text(Running(120), {.color = true}).find('\033'), std::string::npos);
  EXPECT_THAT(Text(Running(120), {.unicode = true}), HasSubstr("█"));
}

TEST(RunScreenTest, ARunBeforeItsFirstStepHasAStateAndANote) {
  RunScreen screen = Running(0);
  v1::RunEvent event;
  event.mutable_phase()->set_name(v1::Phase::NAME_QUEUED);
  event.mutable_phase()->set_detail("waiting for 2 of 4 workers");
  screen.Add(event);
  const std::string text = Text(screen);
  EXPECT_THAT(text, HasSubstr("queued"));
  EXPECT_THAT(text, HasSubstr("waiting for 2 of 4 workers"));
  EXPECT_THAT(text, Not(HasSubstr("ETA")));
}

TEST(RunScreenTest, AnotherNetworkIsShownAtOnce) {
  RunScreen screen = Running(3);
  v1::RunEvent event;
  event.mutable_network()->set_name("slow");
  event.mutable_network()->mutable_link()->set_delay_us(70'000);
  event.mutable_network()->add_partition()->add_ranks(1);
  screen.Add(event);
  const std::string text = Text(screen);
  EXPECT_THAT(text, HasSubstr("sppp, 2 workers, slow"));
  EXPECT_THAT(text, HasSubstr("0 -> 1"));
  EXPECT_THAT(text, HasSubstr("cut off"));
}

TEST(DrawingsTest, ASparklineFallsFromItsHighestToItsLowestValue) {
  EXPECT_THAT(Sparkline({8, 4.5, 1}, 10, 1, true), ElementsAre("█▅▁"));
  EXPECT_THAT(Sparkline({8, 1}, 10, 2, true), ElementsAre("█ ", "█▁"));
  EXPECT_THAT(Sparkline({4, 4}, 10, 1, false), ElementsAre("::"));
  EXPECT_THAT(Sparkline({}, 10, 1, true), ElementsAre(""));
}

TEST(DrawingsTest, ManyValuesAreSqueezedIntoTheColumns) {
  std::vector<double> values(1000);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(values.size() - i);
  const std::vector<std::string> lines = Sparkline(values, 40, 3, true);
  for (const std::string& line : lines) EXPECT_EQ(Columns(line), 40u);
}

TEST(DrawingsTest, ABarIsAsLongAsItsShare) {
  EXPECT_EQ(Bar(0, 4, true), "    ");
  EXPECT_EQ(Bar(0.5, 4, true), "██  ");
  EXPECT_EQ(Bar(0.125, 4, true), "▌   ");
  EXPECT_EQ(Bar(2, 4, false), "####");
}

}  // namespace
}  // namespace edgetp
