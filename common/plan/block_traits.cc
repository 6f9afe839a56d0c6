#include "common/plan/block_traits.h"

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

// One row per letter of a pattern.
constexpr BlockTraits kTraits[] = {
    {.kind = BlockKind::kTensorParallel,
     .letter = 't',
     .name = "tensor-parallel",
     .separate_modules = true,
     .changes = "nothing",
     .source = "Megatron-LM, arXiv 1909.08053"},
    {.kind = BlockKind::kSyncDrop,
     .letter = 's',
     .name = "sync-point drop",
     .partial_norms = true,
     .partial_attention_bias = true,  // it is used inside the parallel region, too
     .changes = "the MLP sees this rank's attention alone",
     .source = "SPD, arXiv 2502.20727"},
    {.kind = BlockKind::kParallel,
     .letter = 'p',
     .name = "parallel",
     .run = RunKind::kSharedSum,
     .output_biases = false,
     .partial_norms = true,
     .changes = "ranks compute by themselves until the run ends; no output biases",
     .source = "docs/patterns.md"},
    {.kind = BlockKind::kOneNorm,
     .letter = 'g',
     .name = "one norm",
     .second_norm = false,
     .changes = "the MLP reads what attention reads, from one norm; no ln_2",
     .source = "GPT-J; PaLM, arXiv 2204.02311"},
    {.kind = BlockKind::kLadder,
     .letter = 'l',
     .name = "ladder",
     .separate_modules = true,
     .run = RunKind::kLateSums,
     .slack = 1,
     .changes = "a module misses the one before it",
     .source = "Ladder Residual, arXiv 2501.06589"},
    {.kind = BlockKind::kDesync,
     .letter = 'd',
     .name = "desync residual",
     .partial_norms = true,
     .partial_attention_bias = true,  // as of s
     .changes = "the mean of the ranks' attention, not its sum; the MLP sees this rank's alone",
     .source = "Desync Residual, with arXiv 2501.06589"},
    {.kind = BlockKind::kDelayed,
     .letter = 't',
     .modifier = '~',
     .name = "delayed",
     .separate_modules = true,
     .run = RunKind::kLateSums,
     .partial_norms = true,
     .changes = "a module misses the other ranks' part of the k modules before it",
     .source = "Delayed tensor parallelism, arXiv 2609.13846"},
    {.kind = BlockKind::kPartial,
     .letter = 't',
     .modifier = '@',
     .name = "partial",
     .separate_modules = true,
     .run = RunKind::kOwnChannels,
     .partial_norms = true,
     .partial_attention_bias = true,  // each rank adds it to its own channels
     .partial_mlp_bias = true,
     .changes = "channels beyond the share p stay rank-local until the run ends",
     .source = "CAAT-Net, arXiv 2506.19645"},
};

}  // namespace

absl::Span<const BlockTraits> AllBlockTraits() { return kTraits; }

const BlockTraits& TraitsOf(BlockKind kind) {
  for (const BlockTraits& row : kTraits) {
    if (row.kind == kind) return row;
  }
  return kTraits[0];  // unreachable: every kind has a row, which a test checks
}

const BlockTraits* FindBlockTraits(char letter, char modifier) {
  for (const BlockTraits& row : kTraits) {
    if (row.letter == letter && row.modifier == modifier) return &row;
  }
  return nullptr;
}

std::string BlockLetters() {
  std::string letters;
  for (const BlockTraits& row : kTraits) {
    if (row.modifier != 0) continue;
    absl::StrAppend(&letters, letters.empty() ? "" : ", ", std::string(1, row.letter));
  }
  return letters;
}

std::string ModifierExamples(char letter) {
  std::string examples;
  for (const BlockTraits& row : kTraits) {
    if (row.modifier == 0 || (letter != 0 && row.letter != letter)) continue;
    absl::StrAppend(&examples, examples.empty() ? "" : " and ", std::string(1, row.letter),
                    row.modifier == '~' ? "~2" : "@0.5");
  }
  return examples;
}

}  // namespace edgetp
