// What memory a rank needs: the one formula behind `edgetp plan`, `edgetp simulate` and the check
// that a worker makes before it builds a model. tests/integration compares it with what workers
// take. Pure.
#pragma once

namespace edgetp {

// What a worker has before its first job: 120 MiB of LibTorch, BLAS and gRPC as mapped files, which
// processes of one host share, and its own data.
inline constexpr double kProgramBytes = 150.0 * (1 << 20);

// At the peak of training, on a CPU, if nobody says otherwise.
struct MemoryUse {
  double parameters_bytes = 0;
  double gradients_bytes = 0;
  double optimizer_bytes = 0;    // moments, and what error feedback keeps
  double activations_bytes = 0;  // what is kept for the backward pass
  // Temporaries of computing; where that is more, what a checkpoint takes beyond activations.
  double workspace_bytes = 0;
  double process_bytes = 0;  // program, libraries, message buffers
  double total_bytes() const {
    return kept_bytes() + activations_bytes + workspace_bytes + process_bytes;
  }
  // For as long as the model is there.
  double kept_bytes() const { return parameters_bytes + gradients_bytes + optimizer_bytes; }
};

// A rank's share of a model, as far as its memory depends on it.
struct MemorySizes {
  double parameters_bytes = 0;               // of the rank
  double activations_bytes = 0;              // of one micro-batch
  double accelerator_activations_bytes = 0;  // the same on an accelerator
  double layer_bytes = 0;                    // of one block, in float32
  double logits_bytes = 0;                   // that are there at once, with what products read of them
  double accelerator_logits_bytes = 0;       // the same on an accelerator
  double head_copies_bytes = 0;  // of bf16: the head as products read it, and its gradient
  double largest_tensor_bytes = 0;      // of the whole model
  double outer_bytes = 0;               // of local steps: the last common weights, and their momentum
  // Of sums of activations that may be late: those that are under way at once, and the own parts that
  // wait for them (t~k).
  double late_bytes = 0;
  double residual_bytes = 0;     // what error feedback keeps
  double token_cache_bytes = 0;  // keys and values of one token of each sequence
  double cache_bytes = 0;        // of a rank that decodes: for how many of them there is room
};

// A rank that trains. `gathers`: it puts checkpoints together (rank 0).
MemoryUse TrainingMemory(const MemorySizes& sizes, bool gathers);

// What a rank needs beyond what it keeps, while it fills its shard from a file or from the seed. It
// has no activations then.
double LoadingBytes(const MemorySizes& sizes);

// A rank that evaluates or samples: it has neither gradients nor moments. Its cache counts as
// activations.
MemoryUse InferenceMemory(const MemorySizes& sizes);

// The two sides of a rank that computes on an accelerator.
struct AcceleratedMemory {
  MemoryUse accelerator;
  MemoryUse host;  // nothing is kept there but what error feedback keeps
};
AcceleratedMemory AcceleratedTrainingMemory(const MemorySizes& sizes, bool gathers);

}  // namespace edgetp
