// The model's only way out: reduce a buffer over all ranks, or bring its parts to rank 0. Implemented
// by worker/ over gRPC and by tests in one process.
// Of what a plan can say (CollectiveStep), workers execute the all-reduces of all ranks. Groups and
// messages are simulated alone, because no model needs them yet. A model that did would lack: a group
// in these calls, the number of a collective within its group on the wire (now within the job), and a
// buffer that a message fills in place of one that is summed.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/plan/step_plan.h"

namespace edgetp {

// Data of an accelerator on its way through host memory, piece by piece. An exchange asks for what it
// reads, and gives back what it has finished: so copies run while other pieces travel. Used by the
// thread that runs the exchange.
class Staging {
 public:
  virtual ~Staging() = default;

  // Where the accelerator has brought the elements into the format of Communicator::RoundsTo: the host
  // memory in which they come and go in that format, WireBytes of all of them. Null: they are floats,
  // in the exchange's data.
  virtual std::byte* encoded() { return nullptr; }

  // Blocks until: elements [0, end) are in host memory. Before that nobody may read or write them.
  virtual absl::Status Fetch(int64_t end) = 0;

  // Elements [begin, end), which have been fetched, are final. Each of them once, in any order. Never
  // blocks.
  virtual absl::Status GiveBack(int64_t begin, int64_t end) = 0;
};

class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int world_size() const = 0;

  // Replaces `data` by its sum over ranks, or what else tag.reduction says, the same bits on every
  // rank. All ranks call in the same order with the same tag and size. Called by one thread; while
  // it runs, nothing else may touch `data`. Not called at world size 1.
  // Blocks until: the sum is there, or the implementation's deadline.
  // Errors: those of the transport; the model passes the first one on unchanged.
  virtual absl::Status AllReduce(const CollectiveTag& tag, absl::Span<float> data) = 0;

  // The format that the next all-reduce of `tag` brings each element into by itself before it does
  // anything else. An accelerator may do so instead, and bring fewer bytes. fp32 where there is none.
  virtual WireFormat RoundsTo(const CollectiveTag&) const { return WireFormat(); }

  // The same of an accelerator's data, which comes to `data` through `staging`, and has all been given
  // back when this returns OK. Here: fetches, sums, gives back.
  virtual absl::Status AllReduceStaged(const CollectiveTag& tag, absl::Span<float> data,
                                       Staging& staging) {
    const auto elements = static_cast<int64_t>(data.size());
    absl::Status status = staging.Fetch(elements);
    if (status.ok()) status = AllReduce(tag, data);
    return status.ok() ? staging.GiveBack(0, elements) : status;
  }

  // AllReduce in two calls, for what is needed only later: Start begins and returns a handle, Wait
  // ends. Each handle is waited for once; once a call has failed, nothing that was started is touched
  // any more.
  // All ranks start in the same order, and what was started before AllReduce is summed before it.
  // Nothing may touch `data` between Start and the end of its Wait.
  // Blocks until: Start never; Wait until the sum is there, or the implementation's deadline.
  // Errors: as AllReduce. Here: sums at once.
  virtual absl::StatusOr<int64_t> Start(const CollectiveTag& tag, absl::Span<float> data) {
    if (absl::Status status = AllReduce(tag, data); !status.ok()) return status;
    return 0;
  }
  virtual absl::Status Wait(int64_t handle) { return absl::OkStatus(); }

  // `data` has a part for each rank, of counts[rank] elements, one after another. Every rank has
  // filled its own; afterwards rank 0 has all of them. The same rules as for AllReduce; never within
  // a training step or an evaluation.
  virtual absl::Status Gather(const CollectiveTag& tag, absl::Span<const int64_t> counts,
                              absl::Span<float> data) = 0;

  // An accelerator's data is copied to host memory for an AllReduce, and back after it. What passes
  // from BeginStaging until the AllReduce, and from there until EndStaging, is copying, no
  // computing; the accelerator has finished what was asked of it before. In two calls, it is what
  // passes from BeginStaging until Start, and from Wait until EndStaging. For who keeps accounts.
  virtual void BeginStaging() {}
  virtual void EndStaging() {}
};

// That of a model which one rank has by itself: there is nobody to sum with.
class Alone final : public Communicator {
 public:
  int rank() const override { return 0; }
  int world_size() const override { return 1; }
  absl::Status AllReduce(const CollectiveTag&, absl::Span<float>) override { return Nobody(); }
  absl::Status Gather(const CollectiveTag&, absl::Span<const int64_t>, absl::Span<float>) override {
    return Nobody();
  }

 private:
  static absl::Status Nobody() {
    return absl::InternalError("a model on one rank has nobody to exchange with");
  }
};

}  // namespace edgetp
