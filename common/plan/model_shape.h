// The sizes of a GPT, as plain numbers: what plan, simulator and model need to know of a
// ModelConfig.
#pragma once

namespace edgetp {

struct ModelShape {
  int layers = 0;      // L
  int heads = 0;       // H
  int channels = 0;    // C; D = C / H
  int sequence = 0;    // T, and the rows of the position table
  int vocabulary = 0;  // V
  bool biases = true;
  bool tied_head = true;  // the output matrix is the embedding
};

}  // namespace edgetp
