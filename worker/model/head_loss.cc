#include "worker/model/head_loss.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "worker/model/differentiable.h"
#include "worker/model/products.h"
#include "worker/model/shared_softmax.h"

namespace edgetp {
namespace {

class HeadLossByChunks {
 public:
  HeadLossByChunks(const ChunkedHead& head, const torch::Tensor& hidden,
                   const torch::Tensor& targets)
      : head_(head),
        table_(Operand(head.table.detach(), head.precision)),
        hidden_(Operand(hidden.detach(), head.precision)),
        targets_(targets),
        rows_(hidden.size(0)),
        largest_(torch::empty({rows_}, hidden.options().requires_grad(false))),
        target_(torch::empty_like(largest_)),
        sum_(torch::empty_like(largest_)),
        differentiates_(torch::GradMode::is_enabled()) {
    if (differentiates_) gradient_ = torch::zeros_like(hidden.detach());
  }

  // Of each row. Afterwards gradient() is there.
  // Shapes: -> (rows).
  torch::Tensor Losses() {
    const bool shared = head_.reduce != nullptr;
    ForEachChunk([&](int64_t first, int64_t count) {
      const torch::Tensor exponentials = Exponentials(first, count);
      if (!shared && differentiates_)
        AddGradient(exponentials, first, OfChunk(sum_, first, count).reciprocal());
    });
    if (shared) Reduce();
    return sum_.log() + largest_ - target_;
  }

  // Of `hidden`, times the gradient of the loss; undefined without gradient mode.
  // Shapes: (rows, C).
  const torch::Tensor& gradient() const { return gradient_; }

 private:
  template <typename Body>
  void ForEachChunk(Body body) const {
    for (int64_t first = 0; first < rows_; first += head_.chunk)
      body(first, std::min(head_.chunk, rows_ - first));
  }

  static torch::Tensor OfChunk(const torch::Tensor& of_rows, int64_t first, int64_t count) {
    return of_rows.narrow(0, first, count);
  }

  // Below each row's largest logit here. Fills the chunk's part of the three numbers per row.
  // Shapes: -> (count, V/P).
  torch::Tensor Exponentials(int64_t first, int64_t count) {
    torch::Tensor logits = Product(OfChunk(hidden_, first, count), table_.t(), head_.precision);
    const RowParts parts = TakeExponentials(logits, OfChunk(targets_, first, count), head_.rows);
    OfChunk(largest_, first, count).copy_(parts.largest);
    OfChunk(target_, first, count).copy_(parts.target);
    OfChunk(sum_, first, count).copy_(parts.sum);
    return logits;
  }

  // `factors`: of the exponentials of each row, to be its softmax.
  void AddGradient(const torch::Tensor& exponentials, int64_t first, const torch::Tensor& factors) {
    const float share = 1 / static_cast<float>(rows_);
    const int64_t count = exponentials.size(0);
    ExponentialsToGradient(exponentials, OfChunk(targets_, first, count), head_.rows,
                           factors * share, share);
    const auto factor = static_cast<float>(head_.loss_gradient);
    const torch::Tensor of_logits = Operand(exponentials, head_.precision);
    AddProduct(of_logits.t(), OfChunk(hidden_, first, count), factor, GradientOf(head_.table),
               head_.precision);
    AddProduct(of_logits, table_, factor, OfChunk(gradient_, first, count), head_.precision);
  }

  // From this rank's three numbers per row to those of the whole vocabulary.
  void Reduce() {
    const torch::Tensor own = largest_.clone();
    head_.reduce(Reduction::kMax, largest_);
    head_.reduce(Reduction::kSum, target_);
    sum_.mul_((own - largest_).exp_());
    head_.reduce(Reduction::kSum, sum_);
    if (!differentiates_) return;
    const torch::Tensor largest = largest_.clone(), target = target_.clone(), sum = sum_.clone();
    ForEachChunk([&](int64_t first, int64_t count) {
      const torch::Tensor exponentials = Exponentials(first, count);
      // These lie below this rank's own largest logit, the sum's below that of all.
      const torch::Tensor correction =
          (OfChunk(own, first, count) - OfChunk(largest, first, count)).exp_();
      AddGradient(exponentials, first, correction / OfChunk(sum, first, count));
    });
    largest_ = largest, target_ = target, sum_ = sum;
  }

  const ChunkedHead& head_;
  const torch::Tensor table_, hidden_;  // as products read them
  const torch::Tensor targets_;
  const int64_t rows_;
  torch::Tensor largest_, target_, sum_;  // (rows) each: see RowParts
  const bool differentiates_;
  torch::Tensor gradient_;
};

}  // namespace

torch::Tensor ChunkedLoss(const ChunkedHead& head, const torch::Tensor& hidden,
                          const torch::Tensor& targets) {
  HeadLossByChunks chunks(head, hidden, targets);
  torch::Tensor loss = chunks.Losses().mean(torch::kDouble).to(torch::kFloat);
  return Differentiable(
      std::move(loss), hidden,
      [ready = chunks.gradient(), expected = head.loss_gradient](const torch::Tensor& gradient) {
        constexpr double kRounding = 1e-5;
        if (std::abs(gradient.item<double>() - expected) > kRounding * std::abs(expected))
          throw std::logic_error("the gradient of a loss is not the one that was announced");
        return ready;
      });
}

}  // namespace edgetp
