// Error feedback: what encoding took away from a message is added to the next one of the same call
// site, so that nothing is lost for ever. The state of one rank's call sites, and how a checkpoint
// holds it. Not thread-safe.
//
// e <- x + e - decoded(x + e)
//
// Source: Seide et al., Interspeech 2014 (1-bit SGD); Karimireddy et al., ICML 2019
// (arXiv:1901.09847).
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/data/stored_tensor.h"
#include "worker/model/communicator.h"

namespace edgetp {

class ErrorFeedback {
 public:
  // Adds to `data` what was lost at the site the time before. Returns where the exchange of `data`
  // has to collect what it loses (Execution::residual), valid until the next call for the site. A
  // site is the place of a collective among those that a step starts, which says class, phase and
  // layer, too.
  absl::Span<float> Begin(size_t site, absl::Span<float> data);

  // For a checkpoint: a tensor for each site ("optimizer.residual.SITE", ranks x elements).
  std::vector<TensorInfo> Tensors(int world_size) const;

  // Brings what all ranks have lost to rank 0, where `sink` gets the values of those tensors, in
  // order and in pieces; elsewhere it is not called. All ranks call, between steps.
  // Errors: those of Communicator::Gather; else the first one of `sink`, and all ranks go on to the
  // end all the same.
  absl::Status Gather(Communicator* communicator, const ValueSink& sink) const;

  // Goes on from what Gather gave. By as many ranks as then, each takes its own. Otherwise rank 0
  // takes all: what they owe together stays the same. What fits no message of the run is dropped.
  // Errors: InvalidArgument naming a tensor that is none of Gather's; those of reading.
  absl::Status Restore(const std::vector<StoredTensor>& tensors, int rank, int world_size);

 private:
  using Residuals = std::map<size_t, std::vector<float>>;

  Residuals residuals_;
  Residuals restored_;  // until their sites begin for the first time
};

}  // namespace edgetp
