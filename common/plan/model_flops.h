// What training a token takes in floating-point operations, of the model and not of what runs it:
// the numerator of MFU. Pure.
#pragma once

#include "common/plan/model_shape.h"

namespace edgetp {

// 6 N + 12 L H Q T: two for each of N parameters in the forward pass, twice as many backward, and
// the scores of attention (H Q = C), all T x T of them. N is without the position table, which
// nobody multiplies by; the embedding counts as the output matrix, also where that is one of its
// own. What P ranks compute more than once, or once more to save memory, is not among it: it is no
// use.
// Source: Chowdhery et al., PaLM, arXiv 2204.02311, appendix B.
double ModelFlopsPerToken(const ModelShape& shape);

}  // namespace edgetp
