#include "common/plan/model_flops.h"

#include "common/plan/parameters.h"

namespace edgetp {

double ModelFlopsPerToken(const ModelShape& shape) {
  const double L = shape.layers, C = shape.channels, T = shape.sequence, V = shape.vocabulary;
  const double looked_up = T * C + (shape.tied_head ? 0 : V * C);
  const double parameters = FullElements(Gpt2Parameters(shape)) - looked_up;
  return 6 * parameters + 12 * L * C * T;
}

}  // namespace edgetp
