// The memory of runs (server/run_book.h), and what names of networks stand for (network_names.h).
#include "server/run_book.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "common/config/defaults.h"
#include "common/config/load.h"
#include "server/network_names.h"
#include "tests/temporary_folder.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;

class Listener final : public Sink<v1::RunEvent> {
 public:
  void Send(std::shared_ptr<const v1::RunEvent> event) override { events.push_back(*event); }
  void Close(const absl::Status&) override { closed_ = true; }
  bool closed() const override { return closed_; }

  std::vector<v1::RunEvent> events;

 private:
  bool closed_ = false;
};

class RunBookTest : public ::testing::Test {
 protected:
  void Open(const std::string& run) {
    v1::JobSpec spec;
    spec.mutable_train();
    FillDefaults(spec.mutable_config());
    const auto directory = book_.Open(run, spec, absl::Now());
    ASSERT_TRUE(directory.ok()) << directory.status();
  }
  void Steps(const std::string& run, int count) {
    for (int step = 1; step <= count; ++step) {
      v1::RunEvent event;
      event.mutable_step()->set_step(step);
      ASSERT_TRUE(book_.Record(run, event).ok());
    }
  }
  std::vector<v1::RunEvent> Watch(const std::string& run) {
    const auto listener = std::make_shared<Listener>();
    EXPECT_TRUE(book_.Watch(run, listener).ok());
    return listener->events;
  }

  const TemporaryFolder temporary_;
  const std::string root_ = temporary_.path() + "/runs";
  RunBook book_{root_};
};

TEST_F(RunBookTest, WhoWatchesLateGetsEverythingOfAShortRun) {
  Open("a");
  Steps("a", 5);
  const auto events = Watch("a");
  ASSERT_EQ(events.size(), 5u);
  EXPECT_EQ(events[0].step().step(), 1);
}

TEST_F(RunBookTest, WhatIsForgottenIsSaidAndOnDisk) {
  Open("a");
  const int steps = static_cast<int>(kEventsKept) + 7;
  Steps("a", steps);
  const auto events = Watch("a");
  ASSERT_EQ(events.size(), kEventsKept + 1);
  EXPECT_THAT(events[0].progress().activity(),
              HasSubstr("the first 7 events are not kept in memory; every step is in " + root_ +
                        "/a/metrics.jsonl"));
  EXPECT_EQ(events[1].step().step(), 8);
  std::ifstream file(root_ + "/a/metrics.jsonl");
  EXPECT_EQ(std::count(std::istreambuf_iterator<char>(file), {}, '\n'), steps);
}

TEST_F(RunBookTest, OfAnEndedRunOnlyItsEndIsKept) {
  Open("a");
  Steps("a", 5000);
  book_.Close("a");
  const auto events = Watch("a");
  ASSERT_EQ(events.size(), kEndedEventsKept + 1);
  EXPECT_THAT(events[0].progress().activity(), HasSubstr("the first 4000 events"));
  EXPECT_EQ(events.back().step().step(), 5000);
}

TEST_F(RunBookTest, ProgressIsToldAndForgotten) {
  Open("a");
  const auto listener = std::make_shared<Listener>();
  ASSERT_TRUE(book_.Watch("a", listener).ok());
  v1::RunEvent event;
  event.mutable_progress()->set_activity("evaluating");
  ASSERT_TRUE(book_.Record("a", event).ok());
  EXPECT_EQ(listener->events.size(), 1u);
  EXPECT_TRUE(Watch("a").empty());
}

class NetworkNamesTest : public RunBookTest {
 protected:
  std::string NameFor(const std::string& text) {
    v1::NetworkProfile network;
    EXPECT_TRUE(ParseTextproto(text, "test", &network).ok()) << text;
    FillDefaults(&network);
    // Of another process each time: all that is known is on disk.
    const auto name = NetworkNames(root_).NameFor(network);
    EXPECT_TRUE(name.ok()) << name.status();
    return name.value_or("");
  }
};

TEST_F(NetworkNamesTest, TwoNetworksNeverShareANameInOneRoot) {
  EXPECT_EQ(NameFor("name: 'lte' link { delay_us: 1 }"), "lte");
  EXPECT_EQ(NameFor("name: 'lte' link { delay_us: 2 }"), "lte#2");
  EXPECT_EQ(NameFor("name: 'lte' link { delay_us: 3 }"), "lte#3");
  EXPECT_EQ(NameFor("name: 'lte' link { delay_us: 1 }"), "lte");
  EXPECT_EQ(NameFor("name: 'lte' link { delay_us: 2 }"), "lte#2");
  EXPECT_EQ(NameFor("name: 'wifi' link { delay_us: 2 }"), "wifi");
}

TEST_F(NetworkNamesTest, WhereTheFiguresComeFromMakesNoOtherNetwork) {
  EXPECT_EQ(NameFor("name: 'lte' source: 'a page' kind: KIND_SPEC link { delay_us: 1 }"), "lte");
  EXPECT_EQ(NameFor("name: 'lte' link { delay_us: 1 }"), "lte");
}

TEST_F(NetworkNamesTest, ANameMayHoldAnything) {
  EXPECT_EQ(NameFor("name: 'a\\nb c' link { delay_us: 1 }"), "a\nb c");
  EXPECT_EQ(NameFor("name: 'a\\nb c' link { delay_us: 2 }"), "a\nb c#2");
}

}  // namespace
}  // namespace edgetp
