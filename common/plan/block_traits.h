// What each letter of a pattern is: one row per letter, or per letter with a modifier. Grammar,
// planner, parameters, model and help read it; the formulas are in worker/model/block_*.cc. Pure.
#pragma once

#include <string>

#include "absl/types/span.h"

namespace edgetp {

enum class BlockKind {
  kTensorParallel,  // t
  kSyncDrop,        // s
  kParallel,        // p
  kOneNorm,         // g
  kLadder,          // l
  kDesync,          // d
  kDelayed,         // t~k
  kPartial,         // t@p
};

// What adjacent blocks of one kind and modifier have in common.
enum class RunKind {
  kNone,         // nothing: every block is a run of its own
  kSharedSum,    // one sum, at the end of the run; before it, the streams are rank-local
  kLateSums,     // sums may be late within the run; at its end all are taken in
  kOwnChannels,  // some channels are rank-local within the run, and merged at its end
};

struct BlockTraits {
  BlockKind kind;
  char letter;
  char modifier = 0;  // '~' or '@' and a number behind the letter; 0: none
  const char* name;
  // Attention and MLP are stages of their own, each with a sum. Else they are one stage.
  bool separate_modules = false;
  RunKind run = RunKind::kNone;
  // By how many stages a sum may be late. With a modifier '~', its number instead.
  int slack = 0;

  // Its parameters.
  bool second_norm = true;  // ln_2
  bool output_biases =
      true;  // attn.c_proj.bias (b_o), mlp.c_proj.bias (b_2), in a model with biases
  // Replicated, but a rank sees only part of their gradients: grad_sync sums them once per step.
  bool partial_norms = false;
  bool partial_attention_bias = false;
  bool partial_mlp_bias = false;

  const char* changes;  // in the model, against the dense one
  const char* source;
};

// All rows, in the order in which help lists them.
absl::Span<const BlockTraits> AllBlockTraits();

const BlockTraits& TraitsOf(BlockKind kind);

// The row of a letter with a modifier (0: none), or null.
const BlockTraits* FindBlockTraits(char letter, char modifier);

// "t, s, p": the letters, for messages.
std::string BlockLetters();

// "t~2 and t@0.5": the letters that take a modifier, with an example of it. With `letter`, its own
// alone; empty if it takes none.
std::string ModifierExamples(char letter = 0);

}  // namespace edgetp
