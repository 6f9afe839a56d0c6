// Block patterns: what is accepted is short enough to be a model, and its expansion means the same.
#include "common/plan/pattern.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  const auto pattern = Pattern::Parse(FuzzInput(data, size).Text(), 0);
  if (!pattern.ok()) {
    ExpectGoodError(pattern.status());
    return 0;
  }
  FUZZ_EXPECT(pattern->layers() >= 1 && pattern->layers() <= 4096);
  const auto expanded = Pattern::Parse(pattern->Expanded(), pattern->layers());
  FUZZ_EXPECT(expanded.ok());
  FUZZ_EXPECT(expanded->Expanded() == pattern->Expanded());
  FUZZ_EXPECT(expanded->ForwardSyncPoints() == pattern->ForwardSyncPoints());
  FUZZ_EXPECT(pattern->ForwardSyncPoints() >= 1);
  // t@p has two in each block, and one at the end of each run.
  FUZZ_EXPECT(pattern->ForwardSyncPoints() <= 3 * pattern->layers());
  int backward = 0;
  for (const PatternBlock& block : pattern->blocks()) {
    FUZZ_EXPECT(SlackOf(block) <= 2 * pattern->layers());
    FUZZ_EXPECT(CountOf(Channels::kShared, block, 1000) <= 1000);
    for (const Stage& stage : StagesOf(block)) backward += stage.backward_sum != Channels::kNone;
  }
  FUZZ_EXPECT(backward == pattern->ForwardSyncPoints());
  return 0;
}
