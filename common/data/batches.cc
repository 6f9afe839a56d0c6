#include "common/data/batches.h"

#include <algorithm>

#include "common/base/random.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

// Keeps the data's draws apart from those of dropout and the network, which have the same seed.
constexpr uint64_t kDataStream = 0x64617461;  // "data"

TokenBatch BatchOf(absl::Span<const uint16_t> windows, int sequence) {
  TokenBatch out{.sequence = sequence};
  const auto size = static_cast<size_t>(WindowTokens(sequence));
  for (size_t at = 0; at < windows.size(); at += size) {
    const absl::Span<const uint16_t> window = windows.subspan(at, size);
    out.inputs.insert(out.inputs.end(), window.begin(), window.end() - 1);
    out.targets.insert(out.targets.end(), window.begin() + 1, window.end());
    ++out.batch;
  }
  return out;
}

std::vector<int64_t> EvaluationStarts(absl::Span<const int64_t> windows, int sequence) {
  std::vector<int64_t> starts;
  for (const int64_t window : windows) starts.push_back(window * sequence);
  return starts;
}

}  // namespace

std::vector<int64_t> TrainingStarts(int64_t tokens, const BatchKey& key, int batch, int sequence) {
  // The last window's last target is the last token.
  const auto offsets = static_cast<uint64_t>(tokens - sequence);
  const uint64_t stream = Mix64(key.seed ^ kDataStream);
  std::vector<int64_t> starts;
  for (int i = 0; i < batch; ++i) {
    const uint64_t bits = RandomBits(stream, key.step, key.micro_batch, key.first_row + i);
    starts.push_back(static_cast<int64_t>(bits % offsets));
  }
  return starts;
}

absl::StatusOr<TokenBatch> TrainingBatch(const TokenSource& source, const BatchKey& key, int batch,
                                         int sequence) {
  const auto starts = TrainingStarts(source.size(Split::kTrain), key, batch, sequence);
  ASSIGN_OR_RETURN(const std::vector<uint16_t> windows,
                   source.ReadWindows(Split::kTrain, starts, WindowTokens(sequence)));
  return BatchOf(windows, sequence);
}

int64_t CountEvaluationWindows(const TokenSource& source, int sequence) {
  const int64_t tokens = source.size(Split::kValidation);
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

absl::StatusOr<TokenBatch> EvaluationBatch(const TokenSource& source,
                                           absl::Span<const int64_t> windows, int sequence) {
  ASSIGN_OR_RETURN(const std::vector<uint16_t> tokens,
                   source.ReadWindows(Split::kValidation, EvaluationStarts(windows, sequence),
                                      WindowTokens(sequence)));
  return BatchOf(tokens, sequence);
}

void PrefetchEvaluation(const TokenSource& source, absl::Span<const int64_t> windows,
                        int sequence) {
  source.Prefetch(Split::kValidation, EvaluationStarts(windows, sequence), WindowTokens(sequence));
}

}  // namespace edgetp
