// Block patterns: one letter per transformer block (t, s, p) and what they cost in sync points.
// Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace edgetp {

enum class BlockKind { kTensorParallel, kSyncDrop, kParallel };  // t, s, p

// The letter of a kind.
char LetterOf(BlockKind kind);

// What a letter means for the parameters of its block (common/plan/parameters.h).
struct LetterTraits {
  bool output_biases = true;            // b_o and b_2
  bool second_norm = true;              // ln_2
  bool partial_norms = false;           // a rank sees part of the gradients of ln_1 and ln_2
  bool partial_attention_bias = false;  // the same of b_o, which is used inside the region, too
};

const LetterTraits& TraitsOf(BlockKind kind);

// One block of a pattern. Blocks of a maximal run of p know their place in it.
struct PatternBlock {
  BlockKind kind;
  bool first_of_run = true;  // t and s are runs of one
  bool last_of_run = true;
};

class Pattern {
 public:
  // Parses letters with repeats: "sppp", "(sppp)*3", "t2s10". `layers` > 0 demands that many
  // blocks.
  // Errors: InvalidArgument naming the position and the rule.
  static absl::StatusOr<Pattern> Parse(const std::string& text, int layers);

  const std::vector<PatternBlock>& blocks() const { return blocks_; }
  int layers() const { return static_cast<int>(blocks_.size()); }
  // Letters without repeats: "spppspppsppp".
  std::string Expanded() const;
  // 2 #t + #s + #(maximal p runs). The backward pass has as many.
  int ForwardSyncPoints() const;
  // True if any block is s or p: their replicated parameters have partial gradients.
  bool NeedsGradientSync() const;

 private:
  std::vector<PatternBlock> blocks_;
};

}  // namespace edgetp
