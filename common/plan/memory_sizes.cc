#include "common/plan/memory_sizes.h"

#include <algorithm>

#include "common/plan/work.h"

namespace edgetp {
namespace {

// What is kept for the backward pass of one micro-batch, in float32, per block:
//   2 (B, T, C)       of each norm, its input and its result
//   4 (B, T, C/P)     q, k, v and the attended values
//   (B, H/P, T, T)    the attention weights
//   2 (B, T, 4C/P)    before and after gelu
double KeptByBlock(const RankSizes& s, const BlockTraits& traits) {
  const double norms = traits.second_norm ? 2 : 1;
  return 2 * norms * s.tokens * s.C + 4 * s.tokens * s.width + s.B * s.heads * s.T * s.T +
         2 * s.tokens * s.columns;
}

// Late sums of a run: with a slack of k stages, k of them are under way at once. t~k keeps as many
// own parts, which wait for theirs. The backward pass has as many of both, of gradients, and finds
// the heap as the forward pass has left it. Measured with MiniGPT at batch 64, the plan is at most 8 %
// below what workers take; with twice the layers at half the batch, and k 8 or more, 16 to 18 % below:
// the cause is unknown.
double LateElements(const RankSizes& s, const Pattern& pattern) {
  double most = 0;
  int stages = 0;  // of the run so far
  for (const PatternBlock& block : pattern.blocks()) {
    stages += static_cast<int>(StagesOf(block).size());
    const double own = block.kind == BlockKind::kDelayed ? 1 : 0;
    most = std::max(most, std::min(SlackOf(block), stages) * (1 + own));
    if (block.last_of_run) stages = 0;
  }
  return 2 * most * s.tokens * s.C;
}

// And once: (B, T, C) for the embedding, 2 (B, T, C) for ln_f, 2 (B, T, V) for the logits and their
// gradient; of a vocabulary that is shared, V is the rank's rows.
double KeptOnce(const RankSizes& s, const Place& place) {
  const double embedding = s.tokens * s.C;
  const double head = 2 * s.tokens * s.C + 2 * s.tokens * s.V;
  return (place.first ? embedding : 0) + (place.last ? head : 0);
}

}  // namespace

MemorySizes SizesOf(const PlanOptions& options, const std::vector<ParameterSpec>& parameters,
                    const Shard& shard, const Place& place) {
  const RankSizes s(options.shape, options.batch, shard);
  double blocks = 0, largest = 0;
  for (const PatternBlock& block : options.pattern.blocks()) {
    const double kept = KeptByBlock(s, TraitsOf(block.kind));
    blocks += kept;
    largest = std::max(largest, kept);
  }
  // Of what is computed again, each block keeps its input, and one at a time all.
  if (options.recompute) blocks = options.pattern.layers() * s.tokens * s.C + largest;
  MemorySizes sizes;
  sizes.parameters_bytes = kFloatBytes * RankElements(parameters, shard);
  sizes.activations_bytes = kFloatBytes * (blocks + KeptOnce(s, place));
  sizes.layer_bytes = kFloatBytes * largest;
  sizes.token_cache_bytes = kFloatBytes * 2 * options.pattern.layers() * s.B * s.width;
  sizes.logits_bytes = place.last ? kFloatBytes * s.tokens * s.V : 0;
  if (options.world_size > 1) sizes.late_bytes = kFloatBytes * LateElements(s, options.pattern);
  sizes.whole_model_bytes = kFloatBytes * FullElements(parameters);
  for (const ParameterSpec& parameter : parameters) {
    sizes.largest_tensor_bytes =
        std::max(sizes.largest_tensor_bytes, kFloatBytes * parameter.elements());
    if (!parameter.sharded()) continue;
    sizes.largest_slice_bytes =
        std::max(sizes.largest_slice_bytes, kFloatBytes * LocalElements(parameter, shard));
  }
  return sizes;
}

double ResidualBytes(const PlanOptions& options, const std::vector<PlanStep>& steps) {
  double bytes = 0;
  for (const CollectiveStep& step : Collectives(steps)) {
    const TrafficClass traffic = step.tag.traffic;
    const bool activations =
        traffic == TrafficClass::kActivationForward || traffic == TrafficClass::kActivationBackward;
    const bool fed_back = (activations && options.feedback_activations) ||
                          (traffic == TrafficClass::kGradSync && options.feedback_grad_sync);
    if (fed_back && step.tag.phase != Phase::kEvaluate && !step.wire.identity())
      bytes += kFloatBytes * step.elements;
  }
  return bytes;
}

}  // namespace edgetp
