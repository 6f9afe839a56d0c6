#include "worker/model/decoder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "worker/model/gpt_decoder.h"

namespace edgetp {
namespace {

absl::Status Invalid(const std::string& message) {
  return absl::InvalidArgumentError("decoder: " + message);
}

KeyValueCacheSizes SizesOf(const ModelShape& shape, int64_t heads, const DecoderOptions& options) {
  return {.layers = shape.layers,
          .rows = options.rows,
          .heads = heads,
          .capacity = options.capacity,
          .head_size = shape.channels / shape.heads};
}

// Shapes: one row of `values` per index.
torch::Tensor RowsOf(const torch::Tensor& values, const std::vector<int64_t>& indices) {
  return values.index_select(0, torch::tensor(indices, torch::kLong).to(values.device()));
}

}  // namespace

GptDecoder::GptDecoder(const Gpt* model, const ModelShape& shape, int64_t heads,
                       const torch::Device& device, const DecoderOptions& options, Guard guard)
    : model_(model),
      shape_(shape),
      device_(device),
      options_(options),
      guard_(std::move(guard)),
      cache_(SizesOf(shape, heads, options), device),
      lengths_(options.rows, 0) {}

absl::Status GptDecoder::CheckRows(absl::Span<const int> rows, size_t sequences) const {
  if (rows.empty() || rows.size() != sequences)
    return Invalid(absl::StrCat(rows.size(), " rows for ", sequences, " sequences"));
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool twice = std::count(rows.begin(), rows.begin() + static_cast<ptrdiff_t>(i), rows[i]);
    if (rows[i] < 0 || rows[i] >= options_.rows || twice)
      return Invalid(absl::StrCat("row ", rows[i], " of ", options_.rows, twice ? " twice" : ""));
  }
  return absl::OkStatus();
}

absl::Status GptDecoder::CheckToken(int64_t token) const {
  if (token >= 0 && token < shape_.vocabulary) return absl::OkStatus();
  return Invalid(
      absl::StrCat("token ", token, " is outside the vocabulary of ", shape_.vocabulary));
}

GptDecoder::Logits GptDecoder::Begin(absl::Span<const int> rows,
                                     const std::vector<std::vector<int64_t>>& contexts) {
  RETURN_IF_ERROR(CheckRows(rows, contexts.size()));
  const int limit = options_.capacity > 0 ? options_.capacity : shape_.sequence;
  int64_t longest = 0;
  for (const std::vector<int64_t>& context : contexts) {
    const auto length = static_cast<int64_t>(context.size());
    if (length < 1 || length > limit)
      return Invalid(absl::StrCat("a context of ", length, " tokens: 1 to ", limit));
    for (const int64_t token : context) RETURN_IF_ERROR(CheckToken(token));
    longest = std::max(longest, length);
  }
  CachedPass pass;
  std::vector<int64_t> tokens, last;
  for (size_t i = 0; i < rows.size(); ++i) {
    pass.rows.push_back(rows[i]);
    last.push_back(static_cast<int64_t>(tokens.size() + contexts[i].size()) - 1);
    tokens.insert(tokens.end(), contexts[i].begin(), contexts[i].end());
    tokens.resize((i + 1) * static_cast<size_t>(longest), 0);
    lengths_[rows[i]] = options_.capacity > 0 ? static_cast<int64_t>(contexts[i].size()) : 0;
  }
  if (options_.capacity > 0) pass.cache = &cache_;
  return Pass(tokens, last, pass);
}

GptDecoder::Logits GptDecoder::Append(absl::Span<const int> rows,
                                      absl::Span<const int64_t> tokens) {
  RETURN_IF_ERROR(CheckRows(rows, tokens.size()));
  CachedPass pass;
  pass.cache = &cache_;
  std::vector<int64_t> last;
  for (size_t i = 0; i < rows.size(); ++i) {
    RETURN_IF_ERROR(CheckToken(tokens[i]));
    const int64_t length = lengths_[rows[i]];
    if (length == 0 || length == options_.capacity) {
      return absl::FailedPreconditionError(absl::StrCat("decoder: row ", rows[i], " has ", length,
                                                        " of ", options_.capacity,
                                                        " tokens: it has to begin first"));
    }
    pass.rows.push_back(rows[i]);
    pass.positions.push_back(length);
    last.push_back(static_cast<int64_t>(i));
  }
  for (const int row : rows) ++lengths_[row];
  return Pass({tokens.begin(), tokens.end()}, last, pass);
}

GptDecoder::Logits GptDecoder::Pass(const std::vector<int64_t>& tokens,
                                    const std::vector<int64_t>& last,
                                    const CachedPass& cached) const {
  return guard_("decoding", [&]() -> Logits {
    torch::NoGradGuard no_grad;
    ForwardPass pass{.phase = Phase::kEvaluate};
    pass.batch = static_cast<int64_t>(cached.rows.size());
    pass.sequence = static_cast<int64_t>(tokens.size()) / pass.batch;
    pass.cached = &cached;
    const torch::Tensor input =
        torch::tensor(tokens, torch::kLong).view({pass.batch, pass.sequence}).to(device_);
    const torch::Tensor hidden = RowsOf(model_->Hidden(input, pass), last);  // (B, C)
    const torch::Tensor logits =
        model_->Logits(hidden, pass).to(torch::kCPU, torch::kFloat).contiguous();  // (B, V)
    const float* const values = logits.data_ptr<float>();
    return std::vector<float>(values, values + logits.numel());
  });
}

}  // namespace edgetp
