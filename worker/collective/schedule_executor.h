// Executes a Schedule for one rank, in place on a span of floats: sends, receives, reduces segment
// by segment as they arrive, and holds emulated segments until their time. The calling thread does
// everything, polling included. The report says where the time went. Used by CollectiveGroup. One
// thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/collective/codec.h"
#include "common/collective/schedule.h"
#include "common/collective/segments.h"
#include "common/network/attribution.h"
#include "common/plan/step_plan.h"
#include "worker/collective/arrival_book.h"
#include "worker/collective/delivery_log.h"
#include "worker/collective/emulation.h"
#include "worker/collective/link_clock.h"
#include "worker/collective/segment_sender.h"
#include "worker/model/communicator.h"
#include "worker/transport/segment_transport.h"

namespace edgetp {

struct ExecutionReport {
  absl::Duration elapsed;
  TimeBreakdown time;              // without compute; the sum is `elapsed`
  std::vector<SegmentWait> waits;  // of which `time` is made, but for the software
  absl::Duration staged;           // of `elapsed`, waited for pieces of an accelerator's data
  // Of the software time, what no emulated delay hides: after the last arrival, or all of it where
  // nothing was emulated, without what was lost to the host. It is what a prediction has to add to
  // the network's time.
  absl::Duration exposed_software;
  int64_t messages_sent = 0;
  std::vector<int64_t> bytes_sent;   // by peer; payload, in its wire format
  std::vector<Delivery> deliveries;  // emulated segments alone
};

struct Execution {
  const Schedule* schedule = nullptr;
  WireFormat wire;
  Reduction reduction = Reduction::kSum;  // what "adding" is below; others than the sum: fp32
  // Where there is one, as long as the data: what encoding takes away from this rank's values is
  // added to it.
  absl::Span<float> residual;
  // Where there is one, the data comes from it, and goes back to it: segment by segment if the format
  // is a matter of each element and segments bear no times, else as a whole. One that has its data
  // encoded has it in this format, which is elementwise, and there is no residual.
  Staging* staging = nullptr;
  uint64_t collective = 0;          // number within the job
  bool emulated = true;             // false: as fast as the host can, partition or not
  const char* name = "all_reduce";  // for messages, as `step`
  int step = -1;
  absl::Time deadline;  // monotonic
};

class ScheduleExecutor {
 public:
  // All must outlive the executor. `segment_bytes` is the same on all ranks, at most
  // kMaxSegmentBytes. Times of the report are those of `clock`.
  ScheduleExecutor(SegmentTransport* transport, EmulatedNetwork* network, LinkClock* clock,
                   int64_t segment_bytes);

  // Blocks until: the sum is in `data` and nothing reads `data` any more, or the deadline.
  // Errors: DeadlineExceeded (rank, peer, step, chunk, waited_ms), DataLoss (a segment is not the
  //   one expected: both are named), those of the transport. The transport is not usable after an
  //   error.
  absl::Status Run(const Execution& execution, absl::Span<float> data, ExecutionReport* report);

 private:
  enum class ChunkState {
    kOwn,      // this rank's part, in data; no sum yet
    kScratch,  // the sum so far in scratch, this rank's part in data
    kData,     // the sum so far, or the result, in data
  };
  struct Chunk {
    ChunkState state = ChunkState::kOwn;
    bool encoded = false;   // its current value is at EncodedAt
    bool rounded = false;   // its current value is one that the wire format has
    bool returned = false;  // its result has been given back to staging
  };
  enum class Operation { kCopy, kAdd };
  // Adds a received part to a sum, and a sum to this rank's part.
  void AddReceived(const std::byte* part, absl::Span<float> sum) const;
  void AddSum(const float* sum, float* own, size_t count) const;
  // Of one awaited segment.
  struct WaitTimes {
    absl::Time wanted;    // on the rank's clock
    absl::Time begin;     // the same, on the host's, as the rest
    absl::Time physical;  // when it was there
    absl::Time arrival;   // when the emulated network delivers it; `begin` without one
    bool was_there = false;
  };

  absl::Status RunStaged();
  absl::Status RunActions();
  absl::Status RunAction(size_t index);
  size_t EndOfReduction(size_t begin);
  absl::Status ReduceTogether(size_t begin, size_t end);
  absl::Status ReduceSegment(absl::Span<const Action> parts, const SegmentRange& range);
  const Action& ActionAt(size_t index) const {
    return execution_.schedule->actions[transport_->rank()][index];
  }
  absl::Status Send(const Action& action);
  absl::StatusOr<std::vector<SegmentTimes>> Stamp(const Action& action, std::vector<int64_t> sizes);
  absl::Status WaitUntilConnected(const Action& action);
  // Where elements from this one on are encoded: in staging's memory, if it has them so.
  std::byte* EncodedAt(int64_t element);
  absl::Span<const std::byte> WirePayload(int chunk);
  absl::Status MakeRoom(const Action& action);
  // Of a chunk's current value.
  void Encode(int chunk, int64_t begin, int64_t elements);
  void RoundData(int index);
  absl::Status RoundOwnPart(int index);
  absl::Span<float> Residual(int chunk);
  Segmentation SegmentsOf(int chunk) const;
  absl::Status ReceiveReduce(size_t index, bool own_part_next);
  // `finishes`: what is in target then is the result, and goes back to staging.
  absl::Status Receive(const Action& action, float* target, Operation operation, bool finishes);
  void Apply(const ReceivedSegment& segment, Operation operation, absl::Span<float> out) const;
  absl::Status ReduceLocal(size_t index);
  absl::StatusOr<const ReceivedSegment*> Await(const Action& action);
  absl::Status Hold(const Action& action, absl::Time release);
  absl::Status CheckExpected(const Action& action, const SegmentRange& want,
                             const ReceivedSegment& got) const;
  void AccountWait(int peer, const WaitTimes& wait, const ReceivedSegment& segment);
  void NoteWait(const SegmentWait& wait);
  // Elements [0, end) of data_ are there.
  absl::Status Fetch(int64_t end);
  // Staging's encoded elements; null: it has none.
  std::byte* brought() const {
    return execution_.staging == nullptr ? nullptr : execution_.staging->encoded();
  }
  // The action is the last that writes its chunk: what it leaves is the result.
  bool Finishes(size_t index) const;
  absl::Status GiveBack(int64_t begin, int64_t end);
  absl::Status GiveBackChunk(int chunk);
  void MarkReturned(int index);
  absl::Status WaitReleased(const Action& action, absl::Span<const std::byte> memory);
  absl::Status Progress(absl::Time until);
  absl::Status PastReceive(const Action& action, absl::Time since) const;
  // `cut`: the network is why.
  absl::Status PastDeadline(const char* direction, const Action& action, absl::Time since,
                            bool cut) const;
  // "all_reduce send (rank=0 ...)": where an error came up.
  std::string Attempt(const char* direction, const Action& action) const;
  std::string Where(const Action& action) const;

  // What is sent bears times. A paced rank's clock is not the host's: its receivers must be told,
  // whatever the network.
  bool Stamps() const { return execution_.emulated && (network_->active() || clock_->paced()); }
  float* Sum(int chunk);  // where the chunk's current value is
  const ChunkRange& Range(int chunk) const { return execution_.schedule->chunks[chunk]; }
  float* Scratch();

  SegmentTransport* transport_;
  EmulatedNetwork* network_;
  LinkClock* clock_;
  const int64_t segment_bytes_;
  SegmentSender sender_;
  ArrivalBook arrivals_;
  std::vector<float> scratch_;
  std::vector<std::byte> encoded_;

  // Of the run under way.
  Execution execution_;
  absl::Span<float> data_;
  ExecutionReport* report_ = nullptr;
  std::vector<Chunk> chunks_;
  // Each segment is fetched, encoded and rounded by itself, while others travel.
  bool by_segments_ = false;
  std::vector<size_t> last_write_;  // by chunk, the action; where it is so
  int64_t fetched_ = 0;             // elements, from the first
  absl::Time latest_entry_;
  DeliveryLog log_;
  int receives_left_ = 0;
};

}  // namespace edgetp
