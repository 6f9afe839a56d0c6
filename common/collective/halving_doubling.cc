#include "common/collective/halving_doubling.h"

#include <bit>

namespace edgetp {
namespace {

class ScheduleBuilder {
 public:
  ScheduleBuilder(int world_size, int64_t elements, int64_t granule)
      : core_(static_cast<int>(std::bit_floor(static_cast<unsigned>(world_size)))),
        folded_(world_size - core_),
        schedule_(
            EmptySchedule("halving_doubling", world_size, EvenChunks(elements, core_, granule))) {}

  Schedule Build() {
    for (int pair = 0; pair < folded_; ++pair) Fold(2 * pair, 2 * pair + 1);
    for (int member = 0; member < core_; ++member) {
      Halve(member);
      Double(member);
    }
    for (int pair = 0; pair < folded_; ++pair) Unfold(2 * pair, 2 * pair + 1);
    return std::move(schedule_);
  }

 private:
  // The core consists of the odd ranks of the folded pairs, then of all other ranks.
  int RankOf(int member) const { return member < folded_ ? 2 * member + 1 : member + folded_; }

  void Add(int rank, ActionKind kind, int peer, int begin, int end) {
    for (int chunk = begin; chunk < end; ++chunk) {
      schedule_.actions[rank].push_back({kind, peer, chunk});
    }
  }

  void Fold(int idle, int active) {
    Add(idle, ActionKind::kSend, active, 0, core_);
    Add(active, ActionKind::kRecvReduce, idle, 0, core_);
    Add(active, ActionKind::kReduceLocal, -1, 0, core_);
  }

  void Unfold(int idle, int active) {
    Add(active, ActionKind::kSend, idle, 0, core_);
    Add(idle, ActionKind::kRecvCopy, active, 0, core_);
  }

  // Afterwards `member` holds the sum of chunk `member`.
  void Halve(int member) {
    const int rank = RankOf(member);
    bool started = member < folded_;  // folding has added this rank's own part
    for (int half = core_ / 2; half >= 1; half /= 2) {
      const int partner = RankOf(member ^ half);
      const int mine = member / half * half;
      const int theirs = (member ^ half) / half * half;
      Add(rank, ActionKind::kSend, partner, theirs, theirs + half);
      if (!started) Add(rank, ActionKind::kReduceLocal, -1, mine, mine + half);
      Add(rank, ActionKind::kRecvReduce, partner, mine, mine + half);
      started = true;
    }
  }

  void Double(int member) {
    const int rank = RankOf(member);
    for (int half = 1; half < core_; half *= 2) {
      const int partner = RankOf(member ^ half);
      const int mine = member / half * half;
      const int theirs = (member ^ half) / half * half;
      Add(rank, ActionKind::kSend, partner, mine, mine + half);
      Add(rank, ActionKind::kRecvCopy, partner, theirs, theirs + half);
    }
  }

  const int core_;    // Q
  const int folded_;  // P - Q
  Schedule schedule_;
};

}  // namespace

Schedule BuildHalvingDoubling(int world_size, int64_t elements, int64_t granule) {
  return ScheduleBuilder(world_size, elements, granule).Build();
}

}  // namespace edgetp
