// Block patterns: one letter per transformer block (block_traits.h), and which sums over the ranks
// follow from them. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/plan/block_traits.h"

namespace edgetp {

// p of t@p is kept in millionths, exactly as it was written.
inline constexpr int kWholeShare = 1'000'000;

// One block of a pattern. Blocks of a run know their place in it.
struct PatternBlock {
  BlockKind kind;
  int modifier = 0;  // t~k: k, in modules; t@p: p, in millionths; else 0
  bool first_of_run = true;
  bool last_of_run = true;
};

// A part of a block that ends in at most one sum over the ranks.
enum class StagePart {
  kEnter,      // a run begins; computes nothing
  kAttention,  // attention, its norm and the residual addition
  kMlp,        // the same of the MLP
  kWhole,      // both
  kMerge,      // a run ends; computes nothing
};

// Which channels of the residual stream a sum has.
enum class Channels { kNone, kAll, kShared, kOwn };

// The backward pass runs the stages in reverse order: it computes a stage, and then sums.
struct Stage {
  StagePart part;
  Channels forward_sum = Channels::kAll;   // after it
  Channels backward_sum = Channels::kAll;  // of the gradients at its beginning
};

// What a block does, in the order of the forward pass. Model and planner both walk this list.
std::vector<Stage> StagesOf(const PatternBlock& block);

// By how many stages a sum of the block may be late: after a stage has started its own, the oldest
// are taken in until no more than that are under way. At the end of a run all are, and so at its
// beginning in the backward pass.
int SlackOf(const PatternBlock& block);

// "t", "t~2", "t@0.5".
std::string TextOf(const PatternBlock& block);

// How many of `channels` these are.
int64_t CountOf(Channels which, const PatternBlock& block, int64_t channels);

class Pattern {
 public:
  // Parses letters, each with at most one modifier, with repeats: "sppp", "(sppp)*3", "t2s10",
  // "(t@0.5 s)*2 t~2*4". Blanks may stand between blocks. t~0 and t@1 are t. `layers` > 0 demands that
  // many blocks.
  // Errors: InvalidArgument naming the position and the rule.
  static absl::StatusOr<Pattern> Parse(const std::string& text, int layers);

  const std::vector<PatternBlock>& blocks() const { return blocks_; }
  int layers() const { return static_cast<int>(blocks_.size()); }
  // Letters and modifiers without repeats or blanks: "spppspppsppp", "t@0.5t@0.5". Parses as the same
  // pattern.
  std::string Expanded() const;
  // Sums of activations in a forward pass. The backward pass has as many.
  int ForwardSyncPoints() const;
  // True if any block has replicated parameters with partial gradients.
  bool NeedsGradientSync() const;
  // Whether a model of so many channels can have it: t@p shares at least one.
  // Errors: InvalidArgument naming the block and the rule.
  absl::Status CheckChannels(int channels) const;

  // What was typed and means less than it says: "t~0 is t".
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  std::vector<PatternBlock> blocks_;
  std::vector<std::string> notes_;
};

// For --help: every letter with its name, and how they are written.
std::string PatternHelp();

}  // namespace edgetp
