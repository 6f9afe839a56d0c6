// Error feedback: what encoding took away from a message is added to the next one of the same call
// site, so that nothing is lost for ever. The state of one rank's call sites. Not thread-safe.
//
// e <- x + e - decoded(x + e)
//
// Source: Seide et al., Interspeech 2014 (1-bit SGD); Karimireddy et al., ICML 2019
// (arXiv:1901.09847).
#pragma once

#include <cstddef>
#include <map>
#include <vector>

#include "absl/types/span.h"

namespace edgetp {

class ErrorFeedback {
 public:
  // Adds to `data` what was lost at the site the time before. Returns where the exchange of `data`
  // has to collect what it loses (Execution::residual), valid until the next call for the site. A
  // site is a place in a step's list of collectives, which says class, phase and layer, too.
  absl::Span<float> Begin(size_t site, absl::Span<float> data);

 private:
  std::map<size_t, std::vector<float>> residuals_;
};

}  // namespace edgetp
