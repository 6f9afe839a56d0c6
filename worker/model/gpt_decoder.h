// The Decoder of a rank's model.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "worker/model/decoder.h"
#include "worker/model/gpt.h"
#include "worker/model/key_value_cache.h"
#include "worker/model/torch.h"

namespace edgetp {

class GptDecoder final : public Decoder {
 public:
  using Logits = absl::StatusOr<std::vector<float>>;
  // Runs a body where its exceptions become a Status.
  using Guard = std::function<Logits(const char* what, const std::function<Logits()>& body)>;

  // `model` must outlive it. `heads`: H/P, of this rank.
  GptDecoder(const Gpt* model, const ModelShape& shape, int64_t heads, const torch::Device& device,
             const DecoderOptions& options, Guard guard);

  Logits Begin(absl::Span<const int> rows,
               const std::vector<std::vector<int64_t>>& contexts) override;
  Logits Append(absl::Span<const int> rows, absl::Span<const int64_t> tokens) override;

 private:
  absl::Status CheckRows(absl::Span<const int> rows, size_t sequences) const;
  absl::Status CheckToken(int64_t token) const;
  // Shapes: tokens (B, T), last (B), of each sequence's new tokens -> (B, V).
  Logits Pass(const std::vector<int64_t>& tokens, const std::vector<int64_t>& last,
              const CachedPass& cached) const;

  const Gpt* const model_;
  const ModelShape shape_;
  const torch::Device device_;
  const DecoderOptions options_;
  const Guard guard_;
  KeyValueCache cache_;
  std::vector<int64_t> lengths_;  // by row, of what is kept
};

}  // namespace edgetp
