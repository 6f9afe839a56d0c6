#include "common/rpc/run_state.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace edgetp {
namespace {

TEST(RunStateTest, EveryPhaseHasAStateOfItsOwnInOnePartOfARunsLife) {
  std::set<std::string> states;
  for (int number = 1; v1::Phase::Name_IsValid(number); ++number) {
    const std::string state = RunStateOf(static_cast<v1::Phase::Name>(number));
    states.insert(state);
    EXPECT_EQ((state == "queued") + HasWorkers(state) + HasEnded(state), 1) << state;
  }
  EXPECT_EQ(states.size(), static_cast<size_t>(v1::Phase::Name_MAX));
}

TEST(RunStateTest, TheActiveRunIsTheOneThatHasWorkers) {
  v1::StatusResponse status;
  EXPECT_EQ(ActiveRunOf(status), nullptr);
  for (const char* state : {"done", "preparing", "queued"}) status.add_runs()->set_state(state);
  EXPECT_EQ(ActiveRunOf(status), &status.runs(1));
}

}  // namespace
}  // namespace edgetp
