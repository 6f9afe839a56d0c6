// The discrete events behind TimelineSimulator (timeline.h): ranks that compute, send, wait and
// receive, and segments that reach their receivers. A rank is two things at once: a thread that
// goes through its list and computes (engine_thread.cc), and links that go through the collectives
// which it has started, in that order. A blocking collective is one that the thread waits for at
// once. Included by timeline.cc alone.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/collective/schedule.h"
#include "common/collective/segments.h"
#include "common/network/link_model.h"
#include "common/simulate/event_queue.h"
#include "common/simulate/fold.h"
#include "common/simulate/segment_pool.h"
#include "common/simulate/timeline.h"

namespace edgetp {

class TimelineSimulator::Engine {
 public:
  explicit Engine(TimelineOptions options);

  absl::StatusOr<StepTimeline> RunStep(const StepPlan& plan, const ComputeTable& compute,
                                       TimelineObserver* observer);
  void SetNetwork(NetworkOptions network);
  const Schedule& ScheduleOf(const CollectiveStep& step) { return Known(KeyOf(step)).schedule; }
  // By all ranks, in bytes and in segments.
  double BytesSent(const CollectiveStep& step) { return Known(KeyOf(step)).bytes_sent; }
  int64_t SegmentsOf(const CollectiveStep& step) { return Known(KeyOf(step)).segments; }
  const SimulatorCounts& counts() const { return counts_; }

 private:
  enum class Stage { kIdle, kEntering, kInside };  // of a rank's links

  // Who takes part in a collective.
  struct Group {
    int id = 0;                // 0: all ranks
    std::vector<int> members;  // in the order of the schedule's ranks

    int size() const { return static_cast<int>(members.size()); }
  };

  // A collective that waits for the links until those before it are over.
  struct Started {
    const CollectiveStep* collective;
    absl::Time at;
  };

  // Where a rank is in its list, and in the collective that its links are in. What needs nobody else
  // is done at once, so both clocks may be ahead of the event's time. The thread always is where it
  // waits, or at the end.
  struct RankState {
    absl::Time thread;           // its clock: since when it waits
    size_t plan_step = 0;        // of its list, that comes next
    size_t compute_segment = 0;  // that comes next
    bool finished = false;       // the list
    int64_t awaited = -1;        // handle; -1: of a blocking collective
    std::vector<Started> started;
    std::vector<absl::Duration> overlaps;  // under compute, by handle, of those that are over

    absl::Time local;     // the links' clock
    size_t launched = 0;  // collectives so far, the one that they are in included
    std::vector<std::pair<int, size_t>> launched_by_group;  // the same, by its id
    Stage stage = Stage::kIdle;
    const CollectiveStep* collective = nullptr;
    const Group* group = nullptr;
    int place = 0;       // in the group
    size_t ordinal = 0;  // of the collective among those of its group, from 1
    const Schedule* schedule = nullptr;
    size_t action = 0;
    bool prepared = false;       // the software cost of the current send is paid
    int64_t segments_taken = 0;  // of the message that the current action receives
    absl::Time entered;
    absl::Time latest_entry;   // of those whose data this rank has received in this collective
    absl::Duration accounted;  // of the exposed time inside the collective: waited, or staged

    std::optional<absl::Time> wait_begin;
    int waiting_for = Event::kNobody;
  };

  // A schedule, and how often it ran while nobody needed the numbers of its messages.
  struct KnownSchedule {
    Schedule schedule;
    const Group* group = nullptr;
    int64_t segments = 0;   // of all ranks
    double bytes_sent = 0;  // by all ranks
    uint64_t uncounted_runs = 0;
  };

  struct ScheduleKey {
    int group = 0;  // its id
    CollectiveKind kind = CollectiveKind::kAllReduce;
    int64_t elements = 0;
    WireFormat wire;
    auto operator<=>(const ScheduleKey& other) const = default;
  };

  // What `auto` has chosen for groups that see the same of the network.
  struct ChoiceKey {
    int group = 0;  // its id; 0 where all see the same
    int size = 0;   // ranks
    int64_t elements = 0;
    WireFormat wire;
    auto operator<=>(const ChoiceKey& other) const = default;
  };

  // engine_schedules.cc: groups, and the schedules of their collectives.
  const Group& GroupOf(const std::vector<int>& ranks);
  ScheduleKey KeyOf(const CollectiveStep& step) {
    return {GroupOf(step.group).id, step.kind, step.elements, step.wire};
  }
  KnownSchedule& Known(const ScheduleKey& key);
  Schedule Build(const ScheduleKey& key, const Group& group);
  std::string AllReduceName(const ScheduleKey& key, const Group& group);
  std::string ChosenName(const ScheduleKey& key, const Group& group) const;
  Segmentation SegmentsOf(const RankState& state, const Action& action) const;
  absl::Status Check(const StepPlan& plan, const ComputeTable& compute) const;
  void Begin();
  absl::Status Drain();
  StepTimeline Finish();

  // Of a rank's thread: goes on until it must wait.
  void Continue(int rank);
  void Compute(int rank);
  const CollectiveStep* NextEntry(int rank);
  void Start(int rank, const CollectiveStep& collective);
  bool Over(const RankState& state) const;
  void PayForOverlap(int rank, int64_t handle);

  // Of a rank's links: begin a collective; enter it; go through its actions; leave it.
  void Launch(int rank, const Started& started);
  void Join(int rank, const Group& group);
  absl::Status Resume(int rank, absl::Time now);
  void Enter(int rank);
  // What becomes of the data before a collective, and after it, where the rank has any.
  void BeforeExchange(int rank);
  void AfterExchange(int rank);
  // Between accelerator and network buffers, one way.
  void Stage(int rank);
  // Where the format does.
  void Rotate(int rank);
  absl::Status Advance(int rank, absl::Time now);
  void Leave(int rank);
  void EndCollective(int rank, absl::Duration overlap);

  absl::StatusOr<bool> Perform(int rank, const Action& action, absl::Time now);
  absl::StatusOr<bool> Send(int rank, const Action& action, absl::Time now);
  void Handover(int rank, int peer, const Segmentation& cut);
  bool Receive(int rank, const Action& action, absl::Time now);
  void Take(int rank, const FlyingSegment& segment, absl::Time now);
  absl::Status Reach(int segment);

  // engine_fold.cc: between two collectives, when nothing is under way.
  bool Quiet() const;
  std::optional<CollectiveKey> RoundKey(absl::Time now) const;
  void StartTogether(absl::Time now);
  bool FoldOrRecord(absl::Time now);
  bool Apply(const CollectiveOutcome& outcome, absl::Time now);
  void RecordEntry(int rank);
  void RecordLeaving(int rank, absl::Duration overlap);
  void CountRun(const RankState& state);
  void NumberUncountedMessages();

  TimelineOptions options_;
  std::vector<DeviceOptions> devices_;
  LinkModel links_;
  bool random_ = false;         // the network: then messages have numbers, and nothing is folded
  bool follows_trace_ = false;  // the network: then nothing is folded
  std::vector<RankStep> steps_;
  std::vector<RankState> states_;
  EventQueue events_;
  SegmentPool segments_;
  std::vector<absl::flat_hash_map<int, uint64_t>> next_messages_;  // by sender, then by receiver
  std::map<std::vector<int>, Group> groups_;
  const Group* everybody_ = nullptr;  // of groups_
  std::vector<const Group*> groups_by_id_;
  std::map<ChoiceKey, std::string> choices_;
  std::map<ScheduleKey, KnownSchedule> schedules_;
  absl::Time last_end_ = absl::UnixEpoch();
  SimulatorCounts counts_;

  int entering_ = 0;               // ranks in that stage
  bool started_together_ = false;  // the collective that they are about to enter
  FoldMemo memo_;
  std::optional<CollectiveRecording> recording_;

  const StepPlan* plan_ = nullptr;         // of the call
  const ComputeTable* compute_ = nullptr;  // of the call
  TimelineObserver* observer_ = nullptr;   // of the call
};

}  // namespace edgetp
