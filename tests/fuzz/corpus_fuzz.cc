// The tokens of a run: the canonical form that travels to the workers, and the text that it is made
// of.
#include "common/data/batches.h"
#include "common/data/corpus.h"
#include "tests/fuzz/fuzz.h"

namespace edgetp {
namespace {

void ExpectUsable(const Corpus& corpus) {
  const std::string bytes = corpus.Serialize();
  const auto again = Corpus::Parse(bytes);
  FUZZ_EXPECT(again.ok());
  FUZZ_EXPECT(again->Serialize() == bytes);
  constexpr int kSequence = 4;
  if (corpus.CheckFits(kSequence, corpus.vocabulary()).ok()) {
    FUZZ_EXPECT(TrainingBatch(corpus, {.seed = 1}, 3, kSequence).inputs.size() == 3 * kSequence);
    const int64_t windows = CountEvaluationWindows(corpus, kSequence);
    FUZZ_EXPECT(windows >= 1);
    FUZZ_EXPECT(EvaluationBatch(corpus, {windows - 1}, kSequence).targets.size() == kSequence);
  }
}

void TryText(const std::string& text) {
  const auto corpus = Corpus::FromText(text);
  if (!corpus.ok()) return ExpectGoodError(corpus.status());
  ExpectUsable(*corpus);
  const auto tokens = corpus->Encode(text);
  FUZZ_EXPECT(tokens.ok());
  const auto decoded = corpus->Decode(*tokens);
  FUZZ_EXPECT(decoded.ok() && *decoded == text);
}

}  // namespace
}  // namespace edgetp

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  const std::string bytes = FuzzInput(data, size).Text();
  if (const auto corpus = Corpus::Parse(bytes); corpus.ok()) {
    ExpectUsable(*corpus);
  } else {
    ExpectGoodError(corpus.status());
    if (bytes.rfind("edgetp-corpus", 0) != 0) TryText(bytes);  // a text takes a millisecond
  }
  return 0;
}
