// The timeline simulator: discrete events over StepPlan x compute durations x network x Schedule.
// It reads the same plan, schedules, segments, link model and attribution as the workers do, and
// draws the same jitter from the same seed. Deterministic; a virtual clock; not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/collective/segments.h"
#include "common/network/attribution.h"
#include "common/network/link_options.h"
#include "common/plan/step_plan.h"
#include "common/simulate/compute_cost.h"
#include "common/simulate/observer.h"

namespace edgetp {

struct AllReduceProblem;  // choose_algorithm.h

struct TimelineOptions {
  int world_size = 1;
  NetworkOptions network;
  uint64_t seed = 0;               // of the run: the key of jitter and loss
  std::string algorithm = "auto";  // a row of the registry, or auto: ChooseAlgorithm for each size
  int64_t segment_bytes = kDefaultSegmentBytes;
  int64_t slice_bytes = kDefaultSliceBytes;  // on the wire, of algorithms that cut slices
  // Messages, encoding, staging and overlap_efficiency of each rank; a single entry stands for all.
  // Empty: software costs nothing.
  std::vector<DeviceOptions> devices;
  // Numbers of the next message per (source, destination); absent: 0. A message is one non-empty
  // chunk that is sent.
  std::map<std::pair<int, int>, uint64_t> next_messages;
  // Takes the timeline of an all-reduce from an identical one before, where the network is
  // deterministic (fold.h). Changes no result; only tests turn it off.
  bool fold = true;
  // What `auto` asks; absent: ChooseAlgorithm.
  std::function<std::string(const AllReduceProblem&)> choose;
  // Asked now and then while a step is simulated, where there is one: true ends it.
  std::function<bool()> stop;
};

// One rank's step on the virtual clock, which starts at the Unix epoch.
struct RankStep {
  absl::Time begin;
  absl::Time end;
  TimeBreakdown breakdown;  // adds up to end - begin, exactly
  absl::Duration hidden;    // of exchanges: ran under compute, and cost nothing
};

struct StepTimeline {
  absl::Duration duration;  // from the last rank's end of the step before to the last rank's end
  std::vector<RankStep> ranks;
  TimeBreakdown MeanBreakdown() const;
  // Mean over ranks of end - begin: what a measured step time is, too.
  double MeanSeconds() const;
  absl::Duration MeanHidden() const;
};

// What a simulator has gone through so far.
struct SimulatorCounts {
  int64_t events = 0;
  int64_t collectives = 0;
  int64_t folded = 0;  // of the collectives: taken from an identical one
};

class TimelineSimulator {
 public:
  // Errors: InvalidArgument for an unknown algorithm, a world size, segment or slice below 1, or a
  //   number of devices that is not 0, 1 or the world size.
  static absl::StatusOr<TimelineSimulator> Create(TimelineOptions options);
  TimelineSimulator(TimelineSimulator&&) noexcept;
  TimelineSimulator& operator=(TimelineSimulator&&) noexcept;
  ~TimelineSimulator();

  // Runs every rank's list once. A collective that starts runs under the compute that follows: its
  // messages' software and its staging take time of the links, none of the rank's compute, but for
  // what overlap_efficiency says; waiting for it has causes as waiting for a blocking one has.
  // A rank starts when it has ended the call before; queues, message
  // numbers and clocks carry over. The plan may differ from call to call (training, evaluation).
  // Errors:
  //   InvalidArgument    plan or compute do not fit the world size or one another; CheckHandles, and
  //                      CheckGroups where the plan has groups
  //   Unavailable        a partition separates ranks that must talk
  //   ResourceExhausted  too many segments are under way at once
  //   Cancelled          `stop` said so
  //   Internal           a schedule does not end, or something is received before it can be
  // After an error the simulator is of no more use.
  // `observer` is told of everything in this step; nothing is folded then.
  absl::StatusOr<StepTimeline> RunStep(const StepPlan& plan, const ComputeTable& compute,
                                       TimelineObserver* observer = nullptr);

  // Takes effect at the next message. What `auto` chose stays chosen, as in a worker.
  void SetNetwork(NetworkOptions network);

  // The algorithm that all-reduces of this size use: what `auto` became.
  std::string AlgorithmFor(int64_t elements, const WireFormat& wire);
  // The same of a group; of what is no all-reduce, the name of its schedule.
  std::string AlgorithmFor(const CollectiveStep& collective);

  // Payload that a rank sends in one step of the plan, mean over ranks; and the segments of all
  // ranks.
  double BytesOnTheWirePerRank(const StepPlan& plan);
  int64_t Segments(const StepPlan& plan);

  const SimulatorCounts& counts() const;

 private:
  class Engine;
  explicit TimelineSimulator(std::unique_ptr<Engine> engine);
  std::unique_ptr<Engine> engine_;
};

}  // namespace edgetp
