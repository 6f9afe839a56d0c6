#include "tests/model/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace edgetp::test {

using torch::Tensor;

Reference::Reference(const TrainerOptions& options, int world_size,
                     const std::vector<NamedTensor>& weights)
    : options_(options),
      world_size_(world_size),
      shards_(*BuildShardMap(options.shape, world_size, options.split)) {
  for (const NamedTensor& named : weights) {
    Tensor value = torch::tensor(named.values, torch::kFloat).view(named.shape).to(torch::kDouble);
    weights_[named.name] = value.requires_grad_(true);
    first_[named.name] = torch::zeros_like(value.detach());
    second_[named.name] = torch::zeros_like(value.detach());
  }
}

Tensor Reference::W(int layer, const std::string& name) const {
  return weights_.at("h." + std::to_string(layer) + "." + name);
}

Tensor Reference::Bias(const std::string& name) const {
  const auto it = weights_.find(name);
  return it == weights_.end() ? torch::zeros({1}, torch::kDouble) : it->second;
}

Tensor Reference::Norm(const Tensor& x, const std::string& name) const {
  const Tensor centred = x - x.mean(-1, true);
  const Tensor variance = (centred * centred).mean(-1, true);
  return centred / (variance + 1e-5).sqrt() * weights_.at(name + ".weight") + Bias(name + ".bias");
}

// Head by head: columns h*D.. of each third of c_attn, rows h*D.. of c_proj.
Tensor Reference::Attend(const Tensor& u, int layer, int rank) const {
  const int64_t C = options_.shape.channels, D = C / options_.shape.heads, T = u.size(1);
  const Tensor weight = W(layer, "attn.c_attn.weight");
  const Tensor future = torch::ones({T, T}, torch::kBool).triu(1);
  Tensor sum = torch::zeros_like(u);
  for (int64_t h = shards_[rank].heads.begin; h < shards_[rank].heads.end; ++h) {
    Tensor part[3];
    for (int64_t i = 0; i < 3; ++i) {
      const int64_t begin = i * C + h * D;
      part[i] = u.matmul(weight.slice(1, begin, begin + D));
      if (options_.shape.biases)
        part[i] = part[i] + W(layer, "attn.c_attn.bias").slice(0, begin, begin + D);
    }
    const Tensor scores =
        part[0].matmul(part[1].transpose(1, 2)) / std::sqrt(static_cast<double>(D));
    const Tensor weights =
        scores.masked_fill(future, -std::numeric_limits<double>::infinity()).softmax(-1);
    sum = sum + weights.matmul(part[2]).matmul(
                    W(layer, "attn.c_proj.weight").slice(0, h * D, (h + 1) * D));
  }
  return sum;
}

Tensor Reference::Expand(const Tensor& v, int layer, int rank) const {
  const int64_t begin = shards_[rank].columns.begin, end = shards_[rank].columns.end;
  Tensor hidden = v.matmul(W(layer, "mlp.c_fc.weight").slice(1, begin, end));
  if (options_.shape.biases) hidden = hidden + W(layer, "mlp.c_fc.bias").slice(0, begin, end);
  const Tensor cube = hidden * hidden * hidden;
  const Tensor gelu =
      options_.gelu == GeluKind::kErf
          ? 0.5 * hidden * (1 + torch::erf(hidden / std::sqrt(2.0)))
          : 0.5 * hidden * (1 + torch::tanh(std::sqrt(2 / M_PI) * (hidden + 0.044715 * cube)));
  return gelu.matmul(W(layer, "mlp.c_proj.weight").slice(0, begin, end));
}

Tensor Reference::BlockT(const Tensor& x, int layer) const {
  const std::string h = "h." + std::to_string(layer) + ".";
  Tensor x1 = x + Bias(h + "attn.c_proj.bias");
  for (int r = 0; r < world_size_; ++r) x1 = x1 + Attend(Norm(x, h + "ln_1"), layer, r);
  Tensor out = x1 + Bias(h + "mlp.c_proj.bias");
  for (int r = 0; r < world_size_; ++r) out = out + Expand(Norm(x1, h + "ln_2"), layer, r);
  return out;
}

Tensor Reference::BlockS(const Tensor& x, int layer) const {
  const std::string h = "h." + std::to_string(layer) + ".";
  const Tensor b_o = Bias(h + "attn.c_proj.bias");
  Tensor out = x + b_o + Bias(h + "mlp.c_proj.bias");
  for (int r = 0; r < world_size_; ++r) {
    const Tensor attended = Attend(Norm(x, h + "ln_1"), layer, r);
    out = out + attended + Expand(Norm(x + attended + b_o, h + "ln_2"), layer, r);
  }
  return out;
}

Tensor Reference::BlockD(const Tensor& x, int layer) const {
  const std::string h = "h." + std::to_string(layer) + ".";
  Tensor out = Bias(h + "mlp.c_proj.bias");
  for (int r = 0; r < world_size_; ++r) {
    const Tensor y =
        x + Attend(Norm(x, h + "ln_1"), layer, r) + Bias(h + "attn.c_proj.bias");
    out = out + Expand(Norm(y, h + "ln_2"), layer, r) + y / world_size_;
  }
  return out;
}

Tensor Reference::BlockG(const Tensor& x, int layer) const {
  const std::string h = "h." + std::to_string(layer) + ".";
  const Tensor u = Norm(x, h + "ln_1");
  Tensor out = x + Bias(h + "attn.c_proj.bias") + Bias(h + "mlp.c_proj.bias");
  for (int r = 0; r < world_size_; ++r) out = out + Attend(u, layer, r) + Expand(u, layer, r);
  return out;
}

Tensor Reference::Module(const Tensor& x, int layer, int module, int rank) const {
  const std::string h = "h." + std::to_string(layer) + ".";
  return module == 0 ? Attend(Norm(x, h + "ln_1"), layer, rank)
                     : Expand(Norm(x, h + "ln_2"), layer, rank);
}

Tensor Reference::BiasOf(int layer, int module) const {
  const char* const name = module == 0 ? ".attn.c_proj.bias" : ".mlp.c_proj.bias";
  return Bias("h." + std::to_string(layer) + name);
}

Tensor Reference::RunOfTDelayed(const Tensor& x, int first, int last, int k) const {
  std::vector<Tensor> streams(world_size_, x);
  std::vector<std::vector<Tensor>> parts;  // of every module, of every rank
  auto add_others = [&](int module) {
    for (int i = 0; module >= 0 && i < world_size_; ++i) {
      for (int j = 0; j < world_size_; ++j) {
        if (j != i) streams[i] = streams[i] + parts[module][j];
      }
    }
  };
  for (int m = 2 * first; m < 2 * (last + 1); ++m) {
    std::vector<Tensor> made;
    for (int i = 0; i < world_size_; ++i) made.push_back(Module(streams[i], m / 2, m % 2, i));
    for (int i = 0; i < world_size_; ++i) streams[i] = streams[i] + made[i] + BiasOf(m / 2, m % 2);
    parts.push_back(made);
    add_others(static_cast<int>(parts.size()) - 1 - k);
  }
  const int modules = static_cast<int>(parts.size());
  for (int module = std::max(0, modules - k); module < modules; ++module) add_others(module);
  return streams[0];
}

Tensor Reference::RunOfTPartial(const Tensor& x, int first, int last, double share) const {
  const auto shared = static_cast<int64_t>(share * options_.shape.channels + 1e-9);
  const double factor = std::sqrt(static_cast<double>(world_size_));
  std::vector<Tensor> streams(world_size_, x);
  for (int m = 2 * first; m < 2 * (last + 1); ++m) {
    std::vector<Tensor> made;
    Tensor sum = torch::zeros_like(x);
    for (int i = 0; i < world_size_; ++i) {
      made.push_back(Module(streams[i], m / 2, m % 2, i));
      sum = sum + made[i];
    }
    for (int i = 0; i < world_size_; ++i) {
      const Tensor added =
          torch::cat({sum.slice(-1, 0, shared), factor * made[i].slice(-1, shared)}, -1);
      streams[i] = streams[i] + added + BiasOf(m / 2, m % 2);
    }
  }
  Tensor mean = torch::zeros_like(x);
  for (const Tensor& stream : streams) mean = mean + stream / world_size_;
  return torch::cat({streams[0].slice(-1, 0, shared), mean.slice(-1, shared)}, -1);
}

Tensor Reference::RunOfL(const Tensor& x, int first, int last) const {
  Tensor r = x, a = torch::zeros_like(x), m = torch::zeros_like(x);
  for (int layer = first; layer <= last; ++layer) {
    const std::string h = "h." + std::to_string(layer) + ".";
    r = r + a;
    a = Bias(h + "attn.c_proj.bias");
    for (int i = 0; i < world_size_; ++i) a = a + Attend(Norm(r, h + "ln_1"), layer, i);
    r = r + m;
    m = Bias(h + "mlp.c_proj.bias");
    for (int i = 0; i < world_size_; ++i) m = m + Expand(Norm(r, h + "ln_2"), layer, i);
  }
  return r + a + m;
}

Tensor Reference::RunOfP(const Tensor& x, int first, int last) const {
  Tensor out = options_.merge == MergeKind::kSum ? x : torch::zeros_like(x);
  for (int r = 0; r < world_size_; ++r) {
    Tensor stream = x, z;
    for (int layer = first; layer <= last; ++layer) {
      if (z.defined()) stream = stream + z;
      const std::string h = "h." + std::to_string(layer) + ".";
      const Tensor attended = Attend(Norm(stream, h + "ln_1"), layer, r);
      z = attended + Expand(Norm(stream + attended, h + "ln_2"), layer, r);
    }
    if (options_.merge == MergeKind::kSumLast) out = out + stream / world_size_ + z;
    if (options_.merge == MergeKind::kMean) out = out + (stream + z) / world_size_;
    if (options_.merge == MergeKind::kSum) out = out + (stream + z - x);
  }
  return out;
}

Tensor Reference::Block(const Tensor& x, int layer) const {
  switch (options_.pattern.blocks()[layer].kind) {
    case BlockKind::kTensorParallel:
      return BlockT(x, layer);
    case BlockKind::kSyncDrop:
      return BlockS(x, layer);
    case BlockKind::kDesync:
      return BlockD(x, layer);
    case BlockKind::kOneNorm:
      return BlockG(x, layer);
    default:
      throw std::logic_error("the reference does not know this block");
  }
}

Tensor Reference::Run(const Tensor& x, int first, int last) const {
  switch (options_.pattern.blocks()[first].kind) {
    case BlockKind::kParallel:
      return RunOfP(x, first, last);
    case BlockKind::kDelayed:
      return RunOfTDelayed(x, first, last, options_.pattern.blocks()[first].modifier);
    case BlockKind::kPartial:
      return RunOfTPartial(x, first, last, options_.pattern.blocks()[first].modifier * 1e-6);
    case BlockKind::kLadder:
      return RunOfL(x, first, last);
    default:
      break;
  }
  Tensor out = x;
  for (int layer = first; layer <= last; ++layer) out = Block(out, layer);
  return out;
}

Tensor Reference::Logits(const TokenBatch& batch) {
  const Tensor tokens = torch::tensor(batch.inputs).view({batch.batch, batch.sequence});
  const std::vector<PatternBlock>& blocks = options_.pattern.blocks();
  const int layers = static_cast<int>(blocks.size());
  Tensor x = weights_.at("wte.weight").index({tokens}) +
             weights_.at("wpe.weight").slice(0, 0, batch.sequence);
  for (int first = 0, end = 0; first < layers; first = end) {
    while (end < layers && TextOf(blocks[end]) == TextOf(blocks[first])) ++end;
    x = Run(x, first, end - 1);
  }
  const char* const head = options_.shape.tied_head ? "wte.weight" : "lm_head.weight";
  return Norm(x, "ln_f").matmul(weights_.at(head).transpose(0, 1));
}

Tensor Reference::Loss(const TokenBatch& batch) {
  const Tensor targets = torch::tensor(batch.targets).view({batch.batch, batch.sequence, 1});
  return -Logits(batch).log_softmax(-1).gather(2, targets).mean();
}

StepResult Reference::TrainStep(int step, const std::vector<TokenBatch>& micro_batches,
                                double learning_rate) {
  Tensor loss = torch::zeros({}, torch::kDouble);
  for (const TokenBatch& batch : micro_batches)
    loss = loss + Loss(batch) / static_cast<double>(micro_batches.size());
  std::vector<std::string> names;
  std::vector<Tensor> inputs;
  for (const auto& [name, value] : weights_) {
    names.push_back(name);
    inputs.push_back(value);
  }
  const auto gradients = torch::autograd::grad({loss}, inputs, {}, false, false, true);
  gradients_.clear();
  double squares = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!gradients[i].defined()) continue;
    gradients_[names[i]] = gradients[i];
    squares += gradients[i].square().sum().item<double>();
  }
  StepResult result{.loss = loss.item<double>()};
  double scale = 1;
  if (options_.clip_norm > 0) {
    result.gradient_norm = std::sqrt(squares);
    scale = std::min(1.0, options_.clip_norm / result.gradient_norm);
  }
  Update(step, learning_rate, scale);
  return result;
}

void Reference::SetWeights(const std::map<std::string, Tensor>& weights) {
  for (const auto& [name, value] : weights)
    weights_.at(name) = value.detach().clone().requires_grad_(true);
}

void Reference::Update(int step, double learning_rate, double scale) {
  torch::NoGradGuard no_grad;
  for (auto& [name, raw] : gradients_) {
    const Tensor gradient = raw * scale;
    Tensor value = weights_.at(name).detach();
    Tensor& first = first_.at(name);
    Tensor& second = second_.at(name);
    first = options_.adamw.beta1 * first + (1 - options_.adamw.beta1) * gradient;
    second = options_.adamw.beta2 * second + (1 - options_.adamw.beta2) * gradient * gradient;
    const Tensor m = first / (1 - std::pow(options_.adamw.beta1, step + 1));
    const Tensor v = second / (1 - std::pow(options_.adamw.beta2, step + 1));
    if (value.dim() >= 2) value = value * (1 - learning_rate * options_.adamw.weight_decay);
    weights_.at(name) = (value - learning_rate * m / (v.sqrt() + options_.adamw.epsilon))
                            .detach()
                            .requires_grad_(true);
  }
}

}  // namespace edgetp::test
