#include "worker/model/vocabulary.h"

#include <utility>

#include "common/plan/memory_rules.h"
#include "worker/model/cpu_ops.h"
#include "worker/model/differentiable.h"
#include "worker/model/head_loss.h"
#include "worker/model/key_value_cache.h"
#include "worker/model/products.h"
#include "worker/model/shared_softmax.h"
#include "worker/model/tensor_parallel_region.h"

namespace edgetp {
namespace {

// Layers count from 0: this is none of them.
constexpr int kNoLayer = -1;

// The rows of `table`, whose first is token `rows.begin`; zeros for tokens of other ranks.
// Shapes: tokens (B, T) -> (B*T, C).
torch::Tensor OwnRows(const torch::Tensor& tokens, const torch::Tensor& table, const Range& rows) {
  if (cpu::Takes(table)) return cpu::EmbedRows(tokens, table, rows.begin);
  const torch::Tensor others = tokens.lt(rows.begin).logical_or(tokens.ge(rows.end));
  const torch::Tensor own = (tokens - rows.begin).clamp(0, rows.size() - 1);
  return torch::embedding(table, own)
      .masked_fill(others.unsqueeze(-1), 0)  // (B, T, C)
      .view({-1, table.size(1)});
}

}  // namespace

Vocabulary::Vocabulary(const TrainerOptions& options, const ParameterStore& store,
                       ParallelContext* context)
    : context_(context),
      size_(options.shape.vocabulary),
      shared_(options.vocabulary_parallel && context->world_size() > 1),
      loss_rows_(options.loss_rows),
      precision_(options.precision),
      rows_(context->shard().vocabulary),
      token_table_(store.Value("wte.weight")),
      position_table_(store.Value("wpe.weight")),
      head_(store.Value("lm_head.weight")) {
  if (!head_.defined()) head_ = token_table_;
}

torch::Tensor Vocabulary::Embed(const torch::Tensor& tokens, const ForwardPass& pass) const {
  if (pass.cached == nullptr || !pass.cached->appends())
    return EmbedAt(tokens, position_table_, pass);
  // One token of each sequence, as one sequence with a position table of its own.
  ForwardPass together = pass;
  together.batch = 1;
  together.sequence = pass.batch;
  return EmbedAt(tokens.view({1, -1}), pass.cached->PositionsOf(position_table_), together);
}

torch::Tensor Vocabulary::EmbedAt(const torch::Tensor& tokens, const torch::Tensor& position_table,
                                  const ForwardPass& pass) const {
  if (shared_) return EmbedShared(tokens, position_table, pass);
  if (cpu::Takes(token_table_)) return cpu::Embed(tokens, token_table_, position_table);
  const torch::Tensor positions = position_table.size(0) == pass.sequence
                                      ? position_table
                                      : position_table.narrow(0, 0, pass.sequence);  // (T, C)
  const torch::Tensor embedded = torch::embedding(token_table_, tokens) + positions;  // (B, T, C)
  return embedded.view({-1, embedded.size(2)});
}

// The sum of one row and zeros: the same bits as without other ranks.
torch::Tensor Vocabulary::EmbedShared(const torch::Tensor& tokens,
                                      const torch::Tensor& position_table,
                                      const ForwardPass& pass) const {
  torch::Tensor x =
      ReduceFromRegion(OwnRows(tokens, token_table_, rows_), *context_, pass, kNoLayer);
  if (cpu::Takes(x)) return cpu::AddPositions(std::move(x), position_table, pass.sequence);
  const torch::Tensor positions = position_table.narrow(0, 0, pass.sequence);  // (T, C)
  return (x.view({pass.batch, pass.sequence, -1}) + positions).view({-1, x.size(1)});
}

torch::Tensor Vocabulary::Logits(const torch::Tensor& hidden, const ForwardPass& pass) const {
  if (!shared_) return torch::mm(hidden, head_.t());
  const torch::Tensor part = Product(hidden.detach(), head_.detach().t());  // (rows, V/P)
  const torch::Tensor whole = torch::zeros({hidden.size(0), size_}, part.options());
  whole.narrow(1, rows_.begin, rows_.size()).copy_(part);
  context_->AllReduce({TrafficClass::kControl, pass.phase, kNoLayer}, whole);
  return whole;
}

torch::Tensor Vocabulary::Loss(const torch::Tensor& hidden, const torch::Tensor& targets,
                               const ForwardPass& pass) const {
  const int64_t chunk =
      RowsOfLogits(loss_rows_, hidden.size(0), head_.size(0), /*accelerated=*/!head_.is_cpu());
  if (chunk < hidden.size(0) || precision_ == Precision::kBf16)
    return LossByChunks(chunk, hidden, targets.view({-1}), pass);
  if (shared_) return SharedLoss(hidden, targets.view({-1}), pass);
  if (cpu::Takes(hidden)) return cpu::HeadLoss(hidden, head_, targets);
  return torch::cross_entropy_loss(Logits(hidden, pass), targets.view({-1}));
}

torch::Tensor Vocabulary::LossByChunks(int64_t chunk, const torch::Tensor& hidden,
                                       const torch::Tensor& targets,
                                       const ForwardPass& pass) const {
  ChunkedHead head{.table = head_,
                   .rows = shared_ ? rows_ : Range{0, static_cast<int>(size_)},
                   .chunk = chunk,
                   .loss_gradient = pass.loss_gradient,
                   .precision = precision_};
  if (!shared_) return ChunkedLoss(head, hidden, targets);
  head.reduce = [&](Reduction reduction, const torch::Tensor& of_rows) {
    context_->AllReduce({TrafficClass::kScalar, pass.phase, kNoLayer, reduction}, of_rows);
  };
  return ChunkedLoss(head, CopyToRegion(hidden, *context_, kNoLayer, {}), targets);
}

torch::Tensor Vocabulary::SharedLoss(const torch::Tensor& hidden, const torch::Tensor& targets,
                                     const ForwardPass& pass) const {
  const torch::Tensor inside = CopyToRegion(hidden, *context_, kNoLayer, {});  // F
  const torch::Tensor input = inside.detach(), weight = head_.detach();
  // (rows, V/P); then their exponentials, then their gradient.
  const torch::Tensor logits = Product(input, weight.t());
  const auto reduce = [&](Reduction reduction, const torch::Tensor& of_rows) {
    context_->AllReduce({TrafficClass::kScalar, pass.phase, kNoLayer, reduction}, of_rows);
  };
  const RowParts parts = TakeExponentials(logits, targets, rows_);
  const torch::Tensor largest = parts.largest.clone();
  reduce(Reduction::kMax, largest);
  reduce(Reduction::kSum, parts.target);
  // This rank's exponentials lie below its own largest logit, the sum's below that of all.
  const torch::Tensor correction = (parts.largest - largest).exp_();
  const torch::Tensor sum = parts.sum * correction;
  reduce(Reduction::kSum, sum);
  const torch::Tensor losses = sum.log() + largest - parts.target;
  const torch::Tensor loss = losses.mean(torch::kDouble).to(torch::kFloat);
  if (!torch::GradMode::is_enabled()) return loss;
  const float share = 1 / static_cast<float>(logits.size(0));
  ExponentialsToGradient(logits, targets, rows_, correction / sum * share, share);
  DeferredProducts* const products = &context_->products();
  return Differentiable(loss, inside, [=, head = head_](const torch::Tensor& gradient) {
    const float factor = gradient.item<float>();
    products->Do([=] { AddProduct(logits.t(), input, factor, GradientOf(head)); });
    return Product(logits, weight).mul_(factor);
  });
}

}  // namespace edgetp
