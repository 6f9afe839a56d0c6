// The worker's Communicator: collectives over the peers of a job, with the algorithm chosen per
// size, a wire format per traffic class, an emulated network, an audit against the step plan, and
// accounts of where the time went. One thread calls it; SetNetwork, SetDeadline and Abort may come
// from any.
//
// A blocking collective runs on the calling thread. One that is started runs on a thread of the
// group's own (collective_group_overlap.cc), which has the transport as long as anything that was
// started is under way: a blocking collective first waits for that. So collectives run in the order
// in which they were started. Accounts are kept by the calling thread, when it waits: an exchange
// has causes as far as the rank waited for it, and the rest is hidden.
//
// What a run measures is its training steps. What comes between them (evaluations, checks, weights
// on their way to a checkpoint) is in no step's figures, and, unless `emulate_all`, takes the real
// network: it neither waits for emulated links nor draws their jitter.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/collective/codec.h"
#include "common/collective/schedule.h"
#include "common/collective/segments.h"
#include "common/network/link_options.h"
#include "common/plan/step_plan.h"
#include "worker/collective/background_runner.h"
#include "worker/collective/collective_stats.h"
#include "worker/collective/device_clock.h"
#include "worker/collective/emulation.h"
#include "worker/collective/error_feedback.h"
#include "worker/collective/link_clock.h"
#include "worker/collective/schedule_executor.h"
#include "worker/model/communicator.h"
#include "worker/transport/segment_transport.h"

namespace edgetp {

// The name of the algorithm for an all-reduce of that many elements. Must be the same on all ranks;
// called once per size and format.
using AlgorithmChooser =
    std::function<absl::StatusOr<std::string>(int64_t elements, const WireFormat& wire)>;

AlgorithmChooser FixedAlgorithm(const std::string& name);

struct CollectiveGroupOptions {
  AlgorithmChooser choose = FixedAlgorithm("two_phase");
  std::string wire_forward = "fp32";    // of kActivationForward
  std::string wire_backward = "fp32";   // of kActivationBackward
  std::string wire_grad_sync = "fp32";  // of kGradSync; everything else is always fp32
  bool feedback_activations = false;    // error feedback of both directions, in training steps
  bool feedback_grad_sync = false;
  absl::Duration deadline = absl::Seconds(30);  // of one collective that is emulated
  absl::Duration patience =
      absl::Hours(1);       // for rank 0, at a barrier or while it gathers: it may be saving
  bool emulate_all = true;  // false: training steps alone
  // False: what is started is exchanged at once, by the calling thread. For runs in which nobody
  // waits for the network: there is nothing to hide, and compute is measured by itself.
  bool overlap = true;
  int64_t segment_bytes = kDefaultSegmentBytes;
  int64_t slice_bytes = kDefaultSliceBytes;  // on the wire, of algorithms that cut slices
  NetworkOptions network;
  std::optional<DeviceOptions> device;  // what messages and staging cost in steps that are paced
  uint64_t seed = 0;                    // of jitter, loss and Hadamard signs
  MediumReservation* medium =
      nullptr;  // must outlive the group; null: every rank is its own arbiter
  CollectiveObserver* observer = nullptr;  // must outlive the group
};

class CollectiveGroup final : public Communicator {
 public:
  // `transport` is connected. Where its ranks share no clock, it is wrapped in a HoldingTransport.
  // Errors: InvalidArgument (wire format, segment size).
  static absl::StatusOr<std::unique_ptr<CollectiveGroup>> Create(
      std::unique_ptr<SegmentTransport> transport, CollectiveGroupOptions options);
  // Ends what is under way with Cancelled. Blocks until: nothing is.
  ~CollectiveGroup() override;

  int rank() const override { return transport_->rank(); }
  int world_size() const override { return transport_->world_size(); }

  // Errors: those of ScheduleExecutor::Run; Internal "plan audit: ..." if a step's plan has another
  // collective here.
  absl::Status AllReduce(const CollectiveTag& tag, absl::Span<float> data) override {
    return AllReduceFrom(tag, data, nullptr);
  }
  WireFormat RoundsTo(const CollectiveTag& tag) const override;
  absl::Status AllReduceStaged(const CollectiveTag& tag, absl::Span<float> data,
                               Staging& staging) override {
    return AllReduceFrom(tag, data, &staging);
  }
  // As AllReduce; Wait has the errors of what was started, and Internal for a handle that nobody has
  // started, or that was waited for. Once anything has failed, nothing that was started is touched
  // any more.
  absl::StatusOr<int64_t> Start(const CollectiveTag& tag, absl::Span<float> data) override;
  absl::Status Wait(int64_t handle) override;
  void BeginStaging() override;
  void EndStaging() override;

  // Outside of steps alone. Ranks but the first wait for it as at a barrier.
  // Errors: those of ScheduleExecutor::Run.
  absl::Status Gather(const CollectiveTag& tag, absl::Span<const int64_t> counts,
                      absl::Span<float> data) override;

  // Blocks until: every rank is here, or `patience`. Never emulated: whatever rank 0 does meanwhile,
  // the next step begins for all of them at once. Outside of steps alone.
  absl::Status Barrier();

  // Between BeginStep and EndStep each collective, and each start and wait, must be the next of
  // `expected` (CollectiveEntries of the plan), and time is accounted; outside, neither. Handles
  // count from 0 again. `step`: of the training, or -1. With a device and `compute`, the durations
  // of the step's compute segments on it, the step is padded to what it takes there.
  void BeginStep(int step, std::vector<CollectiveStep> expected,
                 std::vector<absl::Duration> compute = {});
  // Blocks until: the device would be done with the step's last segment.
  // Errors: Internal "plan audit: ..." if collectives of the plan are missing.
  absl::Status EndStep();

  // Since the last call, or the last BeginStep.
  StepStats TakeStats() { return stats_.Take(); }
  // Of all training steps since the last ResetTotalFidelity.
  v1::Fidelity TotalFidelity() const { return stats_.TotalFidelity(); }
  void ResetTotalFidelity() { stats_.ResetTotalFidelity(); }

  // What error feedback has kept, for checkpoints. Between steps alone.
  ErrorFeedback& feedback() { return feedback_; }

  // What AllReduce uses for that many elements of a class.
  // Errors: InvalidArgument (the chooser's name is unknown, or does not take the class's format),
  //   those of the chooser.
  absl::StatusOr<std::string> AlgorithmFor(TrafficClass traffic, int64_t elements);

  const WireFormat& WireOf(TrafficClass traffic) const;
  // The same of an all-reduce: only sums are rounded.
  const WireFormat& WireOf(const CollectiveTag& tag) const {
    return tag.reduction == Reduction::kSum ? WireOf(tag.traffic) : formats_.other;
  }

  // The algorithm of each size that there has been so far.
  google::protobuf::RepeatedPtrField<v1::AllReduceChoice> Choices() const;

  // Replaces the chooser and forgets its answers; all ranks must do so between the same two
  // collectives.
  void SetChooser(AlgorithmChooser choose);
  const AlgorithmChooser& chooser() const { return options_.choose; }

  // From any thread; takes effect at the next message.
  void SetNetwork(NetworkOptions network) { network_.SetNetwork(std::move(network)); }
  // Of collectives that begin from now on, and are emulated.
  void SetDeadline(absl::Duration deadline) {
    deadline_seconds_.store(absl::ToDoubleSeconds(deadline));
  }

  // False: some ranks are on other hosts, whose clocks have to be estimated.
  bool one_clock() const { return one_clock_; }

  // From any thread: ends the collective under way and every later one with `status`.
  void Abort(const absl::Status& status) { transport_->Abort(status); }

 private:
  // A collective from its start until it was waited for.
  struct Pending {
    CollectiveTag tag;
    Execution execution;
    absl::Span<float> data;
    std::optional<size_t> feedback_site;  // where errors are fed back
    bool paced = false;
    absl::Time started;  // on the rank's clock
    uint64_t task = 0;   // of runner_

    // What it came to. Times are the links'.
    absl::Status status;
    ExecutionReport report;
    absl::Time begin;
    absl::Time end;
    int64_t staged_bytes = 0;
    absl::Duration staging_before;
    absl::Duration staging_after;

    absl::Duration overlap;  // ran under compute; once it is settled
  };

  struct Formats {
    WireFormat forward;
    WireFormat backward;
    WireFormat grad_sync;
    WireFormat other;  // fp32
  };

  CollectiveGroup(std::unique_ptr<SegmentTransport> transport, CollectiveGroupOptions options,
                  const Formats& formats);
  // `staging`: null where the data is in host memory.
  absl::Status AllReduceFrom(const CollectiveTag& tag, absl::Span<float> data, Staging* staging);
  // The next all-reduce.
  absl::StatusOr<Pending> Prepare(const CollectiveTag& tag, absl::Span<float> data,
                                  CollectivePart part);
  // The next collective, without its schedule and format.
  Execution NextExecution(bool emulated);
  // For one that begins now.
  absl::Duration Patience(bool emulated) const;
  bool Emulates() const { return options_.emulate_all || (in_step_ && step_ >= 0); }
  // Runs a collective that is in no step.
  absl::Status RunBetweenSteps(const CollectiveTag& tag, const Schedule& schedule,
                               Execution execution, absl::Span<float> data);
  bool FeedsBack(TrafficClass traffic) const;
  absl::StatusOr<const Schedule*> ScheduleFor(const WireFormat& wire, int64_t elements);
  // Ends the compute segment under way; returns when, on the rank's clock.
  absl::Time EndSegment();
  // The same where the host need not be on time (DeviceClock::PassSegment).
  absl::Time PassSegment();
  // The next one begins; returns when.
  absl::Time BeginSegment();
  // An all-reduce of so many bytes begins or starts; returns when, on the rank's clock.
  absl::Time Enter(int64_t bytes, CollectivePart part);
  // `got`, as the step has it, must be what its plan has next.
  absl::Status Audit(const CollectiveStep& got);
  void Observe(const CollectiveTag& tag, const Schedule& schedule, int64_t elements,
               const ExecutionReport& report);

  // collective_group_overlap.cc.
  // On the thread that has the transport.
  void Run(Pending* pending);
  // The all-reduce between what its format does to the data before and after: a rotation, and what
  // was lost the time before.
  absl::Status RunAllReduce(Pending* pending);
  // A blocking one that this thread runs and waits for.
  absl::Status RunHere(Pending* pending);
  // Waits for all that was started up to a handle. The rank has done nothing else since `from`.
  // Returns for how long any of it was exposed.
  absl::StatusOr<absl::Duration> Settle(int64_t last, absl::Time from);
  // The same for everything: afterwards the transport is the calling thread's. Returns since when,
  // on the rank's clock.
  absl::StatusOr<absl::Time> SettleAll(absl::Time from);
  // The rank has waited since `from`. Returns for how long the collective was exposed.
  absl::Duration Account(Pending* pending, absl::Time from);
  // After it nothing that was started is touched any more, and nothing starts.
  absl::Status Fail(const absl::Status& status);

  const bool one_clock_;
  std::unique_ptr<SegmentTransport> transport_;
  CollectiveGroupOptions options_;
  std::atomic<double> deadline_seconds_;
  const Formats formats_;
  std::map<std::pair<WireFormat, int64_t>, Schedule> schedules_;  // by format and elements
  uint64_t collectives_ = 0;
  StatsCollector stats_;

  bool in_step_ = false;
  int step_ = -1;
  std::vector<CollectiveStep> expected_;
  size_t next_expected_ = 0;
  size_t next_site_ = 0;         // of error feedback: the step's collectives that have started
  absl::Time step_begin_;        // on the host's clock
  absl::Time clock_step_begin_;  // on the rank's, which differs where the step is paced
  absl::Time gap_begin_;         // on the rank's
  std::optional<absl::Time> staging_begin_;  // on the rank's; until the collective that follows
  int64_t staged_bytes_ = 0;                 // of the last all-reduce
  DeviceClock clock_;

  // Of whoever has the transport: the calling thread, unless the runner is busy.
  EmulatedNetwork network_;
  LinkClock links_;
  ScheduleExecutor executor_;
  ErrorFeedback feedback_;

  absl::Status failed_;  // the first error
  int64_t next_handle_ = 0;
  int64_t settled_ = 0;                 // what has a lower handle is over, and accounted for
  std::map<int64_t, Pending> pending_;  // by handle; not waited for yet
  BackgroundRunner runner_;             // ends before all that it uses
};

}  // namespace edgetp
