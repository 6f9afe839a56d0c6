#include "common/data/batches.h"

#include <algorithm>

#include "common/base/random.h"

namespace edgetp {
namespace {

// Keeps the data's draws apart from those of dropout and the network, which have the same seed.
constexpr uint64_t kDataStream = 0x64617461;  // "data"

void AppendWindow(const std::vector<uint16_t>& tokens, size_t offset, int sequence,
                  TokenBatch* out) {
  const auto begin = tokens.begin() + static_cast<int64_t>(offset);
  out->inputs.insert(out->inputs.end(), begin, begin + sequence);
  out->targets.insert(out->targets.end(), begin + 1, begin + sequence + 1);
  ++out->batch;
}

}  // namespace

TokenBatch TrainingBatch(const Corpus& corpus, const BatchKey& key, int batch, int sequence) {
  const std::vector<uint16_t>& tokens = corpus.tokens(Split::kTrain);
  const uint64_t offsets =
      tokens.size() - sequence;  // the last window's last target is the last token
  const uint64_t stream = Mix64(key.seed ^ kDataStream);
  TokenBatch out{.sequence = sequence};
  for (int i = 0; i < batch; ++i) {
    const uint64_t bits = RandomBits(stream, key.step, key.micro_batch, key.first_row + i);
    AppendWindow(tokens, bits % offsets, sequence, &out);
  }
  return out;
}

int64_t CountEvaluationWindows(const Corpus& corpus, int sequence) {
  const auto tokens = static_cast<int64_t>(corpus.tokens(Split::kValidation).size());
  return tokens == 0
             ? 0
             : (tokens - 1) / sequence;  // the last window needs one more token for its last target
}

std::vector<int64_t> SpreadWindows(int64_t total, int64_t count) {
  count = std::min(count, total);
  std::vector<int64_t> windows(count);
  // The middle one of each of `count` equal parts.
  for (int64_t i = 0; i < count; ++i) windows[i] = (2 * i + 1) * total / (2 * count);
  return windows;
}

TokenBatch EvaluationBatch(const Corpus& corpus, absl::Span<const int64_t> windows, int sequence) {
  TokenBatch out{.sequence = sequence};
  for (const int64_t window : windows) {
    AppendWindow(corpus.tokens(Split::kValidation), static_cast<size_t>(window) * sequence,
                 sequence, &out);
  }
  return out;
}

}  // namespace edgetp
