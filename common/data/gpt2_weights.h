// GPT-2's weights in a safetensors file: names, layouts, and the model's shape that follows from
// them. Pure. The canonical form here: no prefix, an lm_head only where it is not wte once more,
// linears stored (in, out).
#pragma once

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "common/data/named_tensor.h"
#include "common/data/safetensors.h"
#include "common/plan/model_shape.h"

namespace edgetp {

inline constexpr char kHeadName[] = "lm_head.weight";  // of an output matrix of its own

struct StoredGpt2 {
  ModelShape shape;  // heads: 0 where neither metadata nor channels tell them
  bool gelu_tanh = true;
  std::vector<StoredTensor>
      tensors;  // canonical: exactly those of Gpt2TensorShapes(shape), in its order
};

// Accepts the prefixes "transformer." and "_orig_mod." (of torch.compile), an lm_head.weight (equal
// to wte.weight, it is dropped and the head tied; else the model has a head of its own), the
// published files' attention masks (dropped, whatever their dtype), and linears as (out, in):
// metadata edgetp.linear_layout (in_out, out_in), else the shape of the first c_attn.weight, which
// is never square. Heads: metadata edgetp.heads, else C/64. GELU: metadata edgetp.gelu (erf, tanh),
// else tanh. Biases: present or absent together. Other tensors, "optimizer.*" among them, are
// errors: take those out first (SplitOptimizerState).
// Nothing but headers is read, but for an lm_head.weight and what it is compared with.
// Errors: InvalidArgument naming the tensor or metadata key, and the rule; those of reading.
absl::StatusOr<StoredGpt2> OpenGpt2Weights(StoredFile file);

// What such a file says of a model, beside its tensors: heads, GELU, and that linears are (in, out).
std::map<std::string, std::string> Gpt2Metadata(const ModelShape& shape, bool gelu_tanh);

// The same of small models, all in memory.
struct Gpt2Weights {
  ModelShape shape;
  bool gelu_tanh = true;
  std::vector<NamedTensor> tensors;
};
// Errors: those of OpenGpt2Weights.
absl::StatusOr<Gpt2Weights> ReadGpt2Weights(TensorFile file);

// A file that ReadGpt2Weights reads back.
TensorFile WriteGpt2Weights(Gpt2Weights weights);

// Names and shapes of all tensors of such a model, in the order of the forward pass. Values are
// empty.
std::vector<NamedTensor> Gpt2TensorShapes(const ModelShape& shape);

// The symbols that a model's tokens stand for, in token order, in a file's metadata
// (edgetp.vocabulary, a JSON array of strings). Empty if it has none.
// Errors: DataLoss naming the key.
absl::StatusOr<std::vector<std::string>> ReadSymbols(
    const std::map<std::string, std::string>& metadata);
void WriteSymbols(const std::vector<std::string>& symbols, TensorFile* file);

// What begins the names of a checkpoint's tensors that are no weights: of all of them; of what
// error feedback has kept (worker/collective/error_feedback), a number behind it; of what the guard
// of norms has (worker/job/norm_guard).
inline constexpr char kOptimizerPrefix[] = "optimizer.";
inline constexpr char kResidualPrefix[] = "optimizer.residual.";
inline constexpr char kGuardPrefix[] = "optimizer.guard.";

// Moves the tensors (NamedTensor, StoredTensor) whose names begin so out of `tensors`.
template <typename Tensor>
std::vector<Tensor> SplitByPrefix(absl::string_view prefix, std::vector<Tensor>* tensors) {
  const auto stays = [prefix](const Tensor& tensor) {
    return !absl::StartsWith(tensor.name, prefix);
  };
  const auto middle = std::stable_partition(tensors->begin(), tensors->end(), stays);
  std::vector<Tensor> split(std::make_move_iterator(middle),
                            std::make_move_iterator(tensors->end()));
  tensors->erase(middle, tensors->end());
  return split;
}

// The tensors "optimizer.*".
template <typename Tensor>
std::vector<Tensor> SplitOptimizerState(std::vector<Tensor>* tensors) {
  return SplitByPrefix(kOptimizerPrefix, tensors);
}

}  // namespace edgetp
