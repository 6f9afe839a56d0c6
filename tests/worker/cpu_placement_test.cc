#include "worker/job/cpu_placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace edgetp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

v1::Assign AssignOf(int rank, const std::vector<std::string>& boot_ids) {
  v1::Assign assign;
  assign.set_rank(rank);
  for (const std::string& id : boot_ids) assign.add_members()->set_boot_id(id);
  return assign;
}

TEST(CpuPlacementTest, RanksAreCountedPerKernel) {
  const HostSeat seat = SeatOf(AssignOf(3, {"a", "b", "a", "b", "b"}));
  EXPECT_EQ(seat.index, 1);
  EXPECT_EQ(seat.ranks, 3);
}

TEST(CpuPlacementTest, EachSeatBeginsAtItsOwnPartOfTheAllowedCpus) {
  EXPECT_THAT(CandidateCpus({0, 2}, 1, {2, 3, 6}), ElementsAre(2, 3, 6));
  EXPECT_THAT(CandidateCpus({1, 2}, 1, {2, 3, 6}), ElementsAre(3, 6, 2));
  EXPECT_THAT(CandidateCpus({1, 2}, 2, {0, 1, 2, 3}), ElementsAre(2, 3, 0, 1));
}

TEST(CpuPlacementTest, MoreThreadsThanCpusAreLeftToTheSystem) {
  EXPECT_THAT(CandidateCpus({0, 3}, 1, {0, 1}), IsEmpty());
  EXPECT_THAT(CandidateCpus({0, 1}, 3, {0, 1}), IsEmpty());
}

std::vector<int> AllowedNow() {
  cpu_set_t set;
  sched_getaffinity(0, sizeof(set), &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// Other clusters of this host may hold claims while the test runs: then a placement is empty, and
// nothing changes.
TEST(CpuPlacementTest, TheProcessRunsOnItsCpusUntilThePlacementEnds) {
  const std::vector<int> before = AllowedNow();
  {
    const CpuPlacement placement({0, 1}, 1);
    EXPECT_EQ(AllowedNow(), placement.cpus().empty() ? before : placement.cpus());
  }
  EXPECT_EQ(AllowedNow(), before);
}

TEST(CpuPlacementTest, TwoPlacementsNeverShareACpu) {
  const CpuPlacement first({0, 1}, 1);
  // What the first has set is what the second finds allowed: one CPU, which is claimed.
  const CpuPlacement second({0, 1}, 1);
  if (first.cpus().empty()) return;
  EXPECT_THAT(second.cpus(), IsEmpty());
}

}  // namespace
}  // namespace edgetp
