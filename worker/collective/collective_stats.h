// What a rank's collectives cost: time by cause, bytes by class, how faithful the emulation was.
// Kept by CollectiveGroup, reported per step by the session. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/plan/step_plan.h"
#include "edgetp/v1/report.pb.h"
#include "worker/collective/device_clock.h"
#include "worker/collective/schedule_executor.h"

namespace edgetp {

// Of the collectives since the last TakeStats; times are those inside BeginStep..EndStep.
struct StepStats {
  absl::Duration elapsed;
  v1::Breakdown breakdown_seconds;  // the sum is `elapsed`
  v1::TrafficBytes bytes;           // sent, in their wire formats
  absl::Duration hidden;            // of exchanges, under compute: in no term of the breakdown
  absl::Duration exposed_software;  // not hidden behind emulated delays (ExecutionReport)
  int64_t messages = 0;             // sent
  double staged_bytes = 0;          // between an accelerator and host memory, both ways
  v1::Fidelity fidelity;
  // Before the first, between, and after the last entry of the plan: compute, and the software that
  // the rank's own thread takes for exchanges under compute, which no exchange waits for.
  std::vector<absl::Duration> compute_gaps;
};

// One finished all-reduce.
struct CollectiveObservation {
  std::string algorithm;
  CollectiveTag tag;
  double seconds = 0;
  int64_t elements = 0;
  int64_t bytes_sent = 0;
};

// Told about every collective, on the thread that runs it. The session connects it to metrics.
class CollectiveObserver {
 public:
  virtual ~CollectiveObserver() = default;
  virtual void OnCollective(const CollectiveObservation& observation) = 0;
  // Payload that this rank sent to `destination` within one collective.
  virtual void OnSent(int destination, int64_t bytes) = 0;
  // An emulated segment arrived from delivery.source.
  virtual void OnDelivery(const Delivery& delivery) = 0;
};

// p99 and maximum of a stream of values in bounded memory: when full, every second sample is
// dropped.
class ErrorSamples {
 public:
  void Add(absl::Duration error);
  double P99Microseconds() const;
  double MaxMicroseconds() const { return max_us_; }
  void Clear() { *this = ErrorSamples(); }

 private:
  std::vector<float> samples_us_;
  uint64_t stride_ = 1;  // one of so many is kept
  uint64_t seen_ = 0;
  double max_us_ = 0;
};

class StatsCollector {
 public:
  void AddCompute(absl::Duration gap);
  // `in_step`: counts towards the step's time.
  void AddCollective(const CollectiveTag& tag, const ExecutionReport& report, bool in_step);
  // Of the rank's own thread, outside of compute and collectives: to start one that runs under
  // compute, or to go on after waiting for it. The links go on meanwhile.
  void AddThreadSoftware(absl::Duration span);
  // Ran under compute.
  void AddHidden(absl::Duration span) { hidden_ += span; }
  // Within a step, outside of compute and collectives.
  void AddStaging(absl::Duration span, int64_t bytes);
  // What a paced step lost to the host.
  void AddLag(const HostLag& lag);
  // `rest`: of `elapsed`, what no compute and no collective has accounted for; counts as compute.
  void AddElapsed(absl::Duration elapsed, absl::Duration rest);
  StepStats Take();
  // Of what was added while it was to count, since the last ResetTotalFidelity.
  v1::Fidelity TotalFidelity() const;
  void CountInTotal(bool count) { in_total_ = count; }
  void ResetTotalFidelity() { total_ = Emulation(); }

 private:
  struct Emulation {
    int64_t messages = 0;
    int64_t late_messages = 0;
    int64_t held_messages = 0;
    absl::Duration lost;
    absl::Duration clock;
    absl::Duration clock_bound;  // the largest
    absl::Duration overrun;
    absl::Duration elapsed;
    ErrorSamples errors;
  };
  static v1::Fidelity FidelityOf(const Emulation& emulation);

  // Applies `add` to whatever counts now.
  template <typename Add>
  void Count(const Add& add) {
    add(step_);
    if (in_total_) add(total_);
  }

  absl::Duration elapsed_;
  TimeBreakdown time_;
  absl::Duration hidden_;
  absl::Duration exposed_software_;
  int64_t messages_ = 0;
  double staged_bytes_ = 0;
  std::vector<absl::Duration> gaps_;
  absl::Duration thread_software_;  // that is in no gap yet
  v1::TrafficBytes bytes_;
  Emulation step_;
  Emulation total_;
  bool in_total_ = false;
};

}  // namespace edgetp
