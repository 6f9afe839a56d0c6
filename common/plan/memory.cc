#include "common/plan/memory.h"

#include <algorithm>

#include "common/base/byte_source.h"

namespace edgetp {
namespace {

constexpr double kMiB = 1 << 20;

// What the constants are from: peaks of resident memory (VmHWM) of workers, as docs/performance.md
// has them; tests/integration/memory_test.cc takes more.

// Messages in flight, and what BLAS and LibTorch set aside once they compute.
constexpr double kBufferBytes = 36 * kMiB;
constexpr double kProcessBytes = kProgramBytes + kBufferBytes;
// Of full tensors, pieces pass by (kPieceBytes). Who gathers has one as it comes, and one in the order
// of the file; who sends its part, one; who loads, one as it comes, and its part of it.
constexpr double kGatheredPieces = 2;
constexpr double kSentPieces = 1;
constexpr double kLoadedPieces = 2;
// A backward pass needs beside what is kept: the gradients of one product, its input's and its
// result's. Of the widest, of the MLP, they are 3 of the 10 to 16 (B, T, C) that a block of t keeps.
constexpr double kBlocksInWork = 0.3;
// Of a CUDA context with its kernels; of the driver and its libraries in host memory. The latter
// is an estimate.
constexpr double kContextBytes = 600 * kMiB;
constexpr double kDriverBytes = 512 * kMiB;
// LibTorch's own operations keep the logits once more, and its allocator leaves gaps: fitted on
// GPT-2 with fused attention and all logits at once (batch 8, P = 1 and 2) on an H200, both within
// 3 %.
constexpr double kAcceleratorGaps = 0.2;

double PieceBytes(const MemorySizes& sizes) {
  return std::min(static_cast<double>(kPieceBytes), sizes.largest_tensor_bytes);
}

double SavingBytes(const MemorySizes& sizes, bool gathers) {
  return (gathers ? kGatheredPieces : kSentPieces) * PieceBytes(sizes);
}

MemoryUse Kept(const MemorySizes& sizes) {
  return {.parameters_bytes = sizes.parameters_bytes,
          .gradients_bytes = sizes.parameters_bytes,
          .optimizer_bytes = 2 * sizes.parameters_bytes + sizes.outer_bytes};
}

}  // namespace

MemoryUse TrainingMemory(const MemorySizes& sizes, bool gathers) {
  MemoryUse use = Kept(sizes);
  use.optimizer_bytes += sizes.residual_bytes;
  use.activations_bytes = sizes.activations_bytes;
  use.process_bytes = kProcessBytes;
  // Logits are gone when the blocks' gradients come.
  const double head = sizes.logits_bytes + sizes.head_copies_bytes;
  const double steps = std::max(kBlocksInWork * sizes.layer_bytes, head) + sizes.late_bytes;
  use.workspace_bytes = std::max(steps, SavingBytes(sizes, gathers) - sizes.activations_bytes);
  return use;
}

double LoadingBytes(const MemorySizes& sizes) { return kLoadedPieces * PieceBytes(sizes); }

MemoryUse InferenceMemory(const MemorySizes& sizes) {
  MemoryUse use{.parameters_bytes = sizes.parameters_bytes, .process_bytes = kProcessBytes};
  use.activations_bytes = sizes.cache_bytes;
  const double steps = sizes.layer_bytes + 2 * sizes.logits_bytes + sizes.head_copies_bytes;
  use.workspace_bytes = std::max(steps, LoadingBytes(sizes));
  return use;
}

AcceleratedMemory AcceleratedTrainingMemory(const MemorySizes& sizes, bool gathers) {
  AcceleratedMemory memory;
  memory.accelerator = Kept(sizes);
  memory.accelerator.activations_bytes = sizes.accelerator_activations_bytes;
  const double logits = sizes.accelerator_logits_bytes;
  memory.accelerator.workspace_bytes =
      logits + sizes.head_copies_bytes + sizes.late_bytes +
      kAcceleratorGaps * (sizes.accelerator_activations_bytes + logits);
  memory.accelerator.process_bytes = kContextBytes;
  memory.host.optimizer_bytes = sizes.residual_bytes;
  memory.host.workspace_bytes = SavingBytes(sizes, gathers);
  memory.host.process_bytes = kProcessBytes + kDriverBytes;
  return memory;
}

}  // namespace edgetp
