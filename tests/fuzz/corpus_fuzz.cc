// The tokens of a run: the canonical form that travels to the workers, the text that it is made of,
// and files of tokens.
#include "common/data/batches.h"
#include "common/data/corpus.h"
#include "common/data/token_file.h"
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
    FUZZ_EXPECT(TrainingBatch(corpus, {.seed = 1}, 3, kSequence)->inputs.size() == 3 * kSequence);
    const int64_t windows = CountEvaluationWindows(corpus, kSequence);
    FUZZ_EXPECT(windows >= 1);
    FUZZ_EXPECT(EvaluationBatch(corpus, {windows - 1}, kSequence)->targets.size() == kSequence);
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
  // In its own vocabulary it is itself; in that of its first half it may lack characters.
  FUZZ_EXPECT(corpus->InVocabulary(corpus->symbols())->Serialize() == corpus->Serialize());
  const size_t half = corpus->symbols().size() / 2;
  const auto less =
      corpus->InVocabulary({corpus->symbols().begin(), corpus->symbols().begin() + half});
  if (!less.ok()) ExpectGoodError(less.status());
}

void TryTokens(const std::string& bytes) {
  const auto tokens = ParseTokens(bytes, "fuzz");
  if (!tokens.ok()) return ExpectGoodError(tokens.status());
  FUZZ_EXPECT(tokens->size() * 2 <= bytes.size());
  if (const absl::Status vocabulary = CheckVocabulary(*tokens, {}); !vocabulary.ok())
    ExpectGoodError(vocabulary);
}

}  // namespace
}  // namespace edgetp

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  const std::string bytes = FuzzInput(data, size).Text();
  TryTokens(bytes);
  if (const auto corpus = Corpus::Parse(bytes); corpus.ok()) {
    ExpectUsable(*corpus);
  } else {
    ExpectGoodError(corpus.status());
    if (bytes.rfind("edgetp-corpus", 0) != 0) TryText(bytes);  // a text takes a millisecond
  }
  return 0;
}
