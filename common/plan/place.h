// Which part of a model a rank has, and with whom it shares the tensors of that part. Pure.
#pragma once

#include <vector>

#include "common/plan/parameters.h"

namespace edgetp {

// By default all of the model, shared by all ranks.
struct Place {
  std::vector<int> group;  // the ranks that share each tensor; empty: all of the plan
  int first_layer = 0;     // of the whole model: its layer 0 here
  bool first = true;       // has the embedding
  bool last = true;        // has the head, and with it the loss
};

// Of the table of a model with the layers of a place, what the place has. A last stage that is not
// the first has its own copy of an embedding that is the output matrix, too.
std::vector<ParameterSpec> ParametersAt(const Place& place, bool tied_head,
                                        std::vector<ParameterSpec> specs);

// The embedding, where it is the output matrix, too.
inline constexpr char kTiedParameter[] = "wte.weight";

// Whether there are two copies of the embedding, whose gradients must be summed.
inline bool CopiesEmbedding(const Place& place, bool tied_head) {
  return tied_head && place.first != place.last;
}

}  // namespace edgetp
