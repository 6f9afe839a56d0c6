#include "common/plan/memory_sizes.h"

#include <algorithm>

#include "common/plan/memory_rules.h"
#include "common/plan/regions.h"
#include "common/plan/work.h"

namespace edgetp {
namespace {

// What products take and leave, as a share of float32: bf16 takes half. Only accelerators attend and
// activate in it, and attend with dropout in float32.
struct Widths {
  Widths(const PlanOptions& options, bool accelerated) {
    if (options.precision != Precision::kBf16) return;
    read = 0.5;
    if (accelerated) activated = 0.5;
    if (accelerated && !options.dropout) attended = 0.5;
  }
  double read = 1;       // what a product reads
  double attended = 1;   // what attention reads of a product
  double activated = 1;  // what an activation does
};

// What is kept for the backward pass of one micro-batch, in elements of float32, per block:
//   2 (B, T, C)       of each norm, its input and its result, which a product reads
//   4 (B, T, C/P)     q, k, v and the attended values, which a product reads
//   (B, H/P, T, T)    the attention weights, if they are kept; with dropout also their mask and
//                     what it leaves of them
//   2 (B, T, 4C/P)    before gelu and after it, which a product reads
//   (B, T, C)         with dropout: each mask of what a block adds
class BlockSizes {
 public:
  BlockSizes(const PlanOptions& options, const RankSizes& sizes, const Widths& widths)
      : s_(sizes),
        widths_(widths),
        dropout_(options.dropout),
        weights_(KeepsAttentionWeights(options.shape.sequence, dropout_)
                     ? s_.B * s_.heads * s_.T * s_.T * (dropout_ ? 3 : 1)
                     : 0) {}

  double Stream() const { return s_.tokens * s_.C; }
  double All(const BlockTraits& traits) const {
    const double norms = traits.second_norm ? 2 : 1;
    return norms * Norm() + Attention() + Mlp() + Masks(traits);
  }
  // Inside the largest of its stages, beside what the stage reads. In t~k and t@p the first norm's
  // input is made inside, of what is read.
  double LargestStage(const BlockTraits& traits) const {
    const bool reads_input =
        traits.kind != BlockKind::kDelayed && traits.kind != BlockKind::kPartial;
    const double all = traits.separate_modules ? Norm() + std::max(Attention(), Mlp())
                                               : All(traits) - Masks(traits);
    return all - (reads_input ? Stream() : 0);
  }
  // Of stages whose insides are computed again, what they read. A stage of t~k also reads the own
  // parts that wait for theirs: each of these is kept for the last stage that does.
  double Read(const BlockTraits& traits) const {
    const double stages = traits.separate_modules ? 2 : 1;
    const double own = traits.kind == BlockKind::kDelayed ? 1 : 0;
    return stages * (1 + own) * Stream() + Masks(traits);
  }

 private:
  double Norm() const { return (1 + widths_.read) * Stream(); }
  double Attention() const {
    return (3 * widths_.attended + widths_.read) * s_.tokens * s_.width + weights_;
  }
  double Mlp() const { return (widths_.activated + widths_.read) * s_.tokens * s_.columns; }
  double Masks(const BlockTraits& traits) const {
    return dropout_ ? (traits.separate_modules ? 2 : 1) * Stream() : 0;
  }

  const RankSizes& s_;
  const Widths widths_;
  const bool dropout_;
  const double weights_;
};

// What the blocks keep, and what the largest of them keeps where nothing is computed again.
struct KeptByBlocks {
  double kept = 0;
  double largest = 0;
};

KeptByBlocks KeepAll(const PlanOptions& options, const BlockSizes& sizes) {
  KeptByBlocks blocks;
  for (const PatternBlock& block : options.pattern.blocks()) {
    const double all = sizes.All(TraitsOf(block.kind));
    blocks.kept += all;
    blocks.largest = std::max(blocks.largest, all);
  }
  return blocks;
}

// Products that are put off until a region's sum is under way hold what all of its stages have.
double LargestAgain(const PlanOptions& options, const BlockSizes& sizes) {
  double largest = 0;
  for (const Region& region : RegionsOf(options.pattern)) {
    double held = 0;
    for (const PlacedStage& placed : region.stages) {
      const BlockTraits& traits = TraitsOf(options.pattern.blocks()[placed.layer].kind);
      const double stage = sizes.LargestStage(traits);
      held = options.overlap.DefersWeightGradients(options.world_size) ? held + stage : stage;
      largest = std::max(largest, held);
    }
  }
  return largest;
}

KeptByBlocks KeptOf(const PlanOptions& options, const BlockSizes& sizes) {
  KeptByBlocks blocks = KeepAll(options, sizes);
  if (options.recompute == Recompute::kStages) {
    blocks.kept = LargestAgain(options, sizes);
    for (const PatternBlock& block : options.pattern.blocks())
      blocks.kept += sizes.Read(TraitsOf(block.kind));
  }
  if (options.recompute == Recompute::kPasses)
    blocks.kept = options.pattern.layers() * sizes.Stream() + blocks.largest;
  return blocks;
}

// Late sums of a run: with a slack of k stages, k of them are under way at once. t~k keeps as many
// own parts, which wait for theirs; they are counted with what stages read where these keep it. The
// backward pass has as many of both, of gradients, when what they are of is gone.
double LateElements(const RankSizes& s, const PlanOptions& options) {
  double most = 0;
  int stages = 0;  // of the run so far
  for (const PatternBlock& block : options.pattern.blocks()) {
    stages += static_cast<int>(StagesOf(block).size());
    const bool own = block.kind == BlockKind::kDelayed && options.recompute != Recompute::kStages;
    most = std::max(most, std::min(SlackOf(block), stages) * (own ? 2.0 : 1.0));
    if (block.last_of_run) stages = 0;
  }
  return most * s.tokens * s.C;
}

double RowsWithLogits(const PlanOptions& options, const RankSizes& s, bool accelerated = false) {
  return static_cast<double>(RowsOfLogits(options.loss_rows, static_cast<int64_t>(s.tokens),
                                          static_cast<int64_t>(s.V), accelerated));
}

// And once: (B, T, C) for the embedding, 2 (B, T, C) for ln_f, 2 (B, T, V) for the logits and their
// gradient; of a vocabulary that is shared, V is the rank's rows. Of logits in chunks, and of all in
// bf16, nothing is kept but the gradient of what they are made of, (B, T, C).
double KeptOnce(const PlanOptions& options, const RankSizes& s, const Place& place) {
  const double embedding = s.tokens * s.C * (options.dropout ? 2 : 1);
  const bool chunks =
      RowsWithLogits(options, s) < s.tokens || options.precision == Precision::kBf16;
  const double head = 2 * s.tokens * s.C + (chunks ? s.tokens * s.C : 2 * s.tokens * s.V);
  return (place.first ? embedding : 0) + (place.last ? head : 0);
}

}  // namespace

MemorySizes SizesOf(const PlanOptions& options, const std::vector<ParameterSpec>& parameters,
                    const Shard& shard, const Place& place) {
  const RankSizes s(options.shape, options.batch, shard);
  const auto activations_bytes = [&](bool accelerated) {
    const BlockSizes blocks(options, s, Widths(options, accelerated));
    return kFloatBytes * (KeptOf(options, blocks).kept + KeptOnce(options, s, place));
  };
  PlanOptions plain = options;
  plain.precision = Precision::kFp32;
  MemorySizes sizes;
  sizes.parameters_bytes = kFloatBytes * RankElements(parameters, shard);
  sizes.activations_bytes = activations_bytes(/*accelerated=*/false);
  sizes.accelerator_activations_bytes = activations_bytes(/*accelerated=*/true);
  sizes.layer_bytes =
      kFloatBytes * KeptOf(plain, BlockSizes(plain, s, Widths(plain, false))).largest;
  sizes.token_cache_bytes = kFloatBytes * 2 * options.pattern.layers() * s.B * s.width;
  if (place.last) {
    const bool narrow = options.precision == Precision::kBf16;
    const double logit_bytes = kFloatBytes * (narrow ? 1.5 : 1);
    sizes.logits_bytes = logit_bytes * RowsWithLogits(options, s) * s.V;
    sizes.accelerator_logits_bytes =
        logit_bytes * RowsWithLogits(options, s, /*accelerated=*/true) * s.V;
    if (narrow) sizes.head_copies_bytes = kFloatBytes * s.V * s.C;  // two of half the width
  }
  if (options.world_size > 1) sizes.late_bytes = kFloatBytes * LateElements(s, options);
  for (const ParameterSpec& parameter : parameters) {
    sizes.largest_tensor_bytes =
        std::max(sizes.largest_tensor_bytes, kFloatBytes * parameter.elements());
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
