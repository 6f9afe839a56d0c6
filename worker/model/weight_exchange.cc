#include "worker/model/weight_exchange.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "worker/model/replica_moments.h"

namespace edgetp {

const TensorSet kWeightSet = {"", &Parameter::value};
const TensorSet kMomentSets[2] = {{"optimizer.exp_avg.", &Parameter::exp_avg},
                                  {"optimizer.exp_avg_sq.", &Parameter::exp_avg_sq}};
const TensorSet kOuterSet = {"optimizer.outer_momentum.", &Parameter::outer_momentum};

namespace {

using Index = std::map<std::string, const StoredTensor*>;

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("(", absl::StrJoin(shape, ", "), ")");
}

absl::Status CheckShape(const StoredTensor& tensor, const std::vector<int64_t>& want) {
  if (tensor.shape == want) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("tensor ", tensor.name, " has shape ",
                                                 ShapeText(tensor.shape), ", but the model needs ",
                                                 ShapeText(want)));
}

absl::StatusOr<Index> IndexByName(const std::vector<StoredTensor>& tensors) {
  Index index;
  for (const StoredTensor& tensor : tensors) {
    if (!index.emplace(tensor.name, &tensor).second) {
      return absl::InvalidArgumentError(absl::StrCat("tensor ", tensor.name, " is there twice"));
    }
  }
  return index;
}

// A tensor as a matrix, so that pieces of it are some of its rows.
struct Rows {
  explicit Rows(const std::vector<int64_t>& shape)
      : width(shape.back()),
        count(std::accumulate(shape.begin(), shape.end() - 1, int64_t{1}, std::multiplies<>())) {}

  int64_t at_once() const {
    return std::clamp<int64_t>(kPieceElements / std::max<int64_t>(width, 1), 1, count);
  }

  int64_t width;
  int64_t count;
};

// The same parameter, with so many rows.
ParameterSpec WithRows(const ParameterSpec& spec, int64_t rows) {
  ParameterSpec piece = spec;
  piece.full_shape = {rows, spec.full_shape.back()};
  return piece;
}

bool SharesRows(const ParameterSpec& spec) {
  return spec.sharded() && SharedAxis(spec) == 0 && spec.full_shape.size() > 1;
}

// Of the rows of the full tensor, those that a rank has a part of.
Range RowsOf(const ParameterSpec& spec, const Shard& shard) {
  if (!SharesRows(spec)) return {0, static_cast<int>(Rows(spec.full_shape).count)};
  const Range share = ShareOf(spec, shard);
  const int unit = static_cast<int>(spec.unit);
  return {unit * share.begin, unit * share.end};
}

Range Intersection(const Range& a, const Range& b) {
  const int begin = std::max(a.begin, b.begin);
  return {begin, std::max(begin, std::min(a.end, b.end))};
}

// Shapes: as a rank holds it -> (rows, width), of the rank.
torch::Tensor AsRows(const torch::Tensor& local) {
  return local.detach().view({-1, local.size(-1)});
}

// Tells what is sent of a parameter that the pattern has no use for: a norm that changes nothing, no
// bias, no moments.
float UnusedValue(const ParameterSpec& spec, const TensorSet& set) {
  return spec.role == ParameterRole::kNormWeight && set.prefix == kWeightSet.prefix ? 1 : 0;
}

// The first error stays; nothing is sent after it.
ValueSink Keeping(const ValueSink& sink, absl::Status* first) {
  return [&sink, first](absl::Span<const float> values) {
    if (first->ok()) *first = sink(values);
    return *first;
  };
}

}  // namespace

NamedTensor ToNamedTensor(const std::string& name, const torch::Tensor& tensor) {
  const torch::Tensor host = tensor.detach().to(torch::kCPU).contiguous();
  const float* data = host.data_ptr<float>();
  return {name, host.sizes().vec(), std::vector<float>(data, data + host.numel())};
}

std::vector<ParameterSpec> WeightExchange::UnusedOf(const std::vector<ParameterSpec>& specs) {
  std::vector<ParameterSpec> unused;
  std::copy_if(specs.begin(), specs.end(), std::back_inserter(unused),
               [](const ParameterSpec& spec) { return !spec.owned; });
  return unused;
}

absl::Status WeightExchange::Check(const std::vector<StoredTensor>& tensors,
                                   const std::vector<TensorSet>& sets) const {
  ASSIGN_OR_RETURN(Index index, IndexByName(tensors));
  for (const TensorSet& set : sets) {
    for (const Parameter& parameter : store_->parameters()) {
      const std::string name = set.prefix + parameter.spec.name;
      const auto it = index.find(name);
      if (it == index.end())
        return absl::InvalidArgumentError(absl::StrCat("tensor ", name, " is missing"));
      RETURN_IF_ERROR(CheckShape(*it->second, parameter.spec.full_shape));
      index.erase(it);
    }
    for (const ParameterSpec& spec : unused_) index.erase(set.prefix + spec.name);
  }
  // Of a run with another strategy.
  std::erase_if(index, [](const auto& entry) {
    return entry.first.rfind(kOuterSet.prefix, 0) == 0 ||
           entry.first.rfind(kReplicasPrefix, 0) == 0;
  });
  if (index.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("tensor ", index.begin()->first, " is none of this model's"));
}

absl::Status WeightExchange::Load(const std::vector<StoredTensor>& tensors,
                                  const std::vector<TensorSet>& sets) {
  RETURN_IF_ERROR(Check(tensors, sets));
  torch::NoGradGuard no_grad;
  for (const StoredTensor& tensor : tensors) {
    for (const TensorSet& set : sets) {
      if (tensor.name.rfind(set.prefix, 0) != 0) continue;
      const Parameter* parameter = store_->Find(tensor.name.substr(set.prefix.size()));
      if (parameter == nullptr) continue;  // the pattern has no use for it
      RETURN_IF_ERROR(LoadOne(tensor, parameter->spec, parameter->*set.tensor));
    }
  }
  return absl::OkStatus();
}

absl::Status WeightExchange::LoadOne(const StoredTensor& full, const ParameterSpec& spec,
                                     const torch::Tensor& local) const {
  if (local.numel() == 0) return absl::OkStatus();
  const Rows rows(spec.full_shape);
  const torch::Tensor into = AsRows(local);
  const Range wanted = RowsOf(spec, context_->shard());
  const torch::Tensor buffer = torch::empty({rows.at_once() * rows.width});
  for (int64_t row = wanted.begin; row < wanted.end; row += rows.at_once()) {
    const int64_t count = std::min(rows.at_once(), wanted.end - row);
    const torch::Tensor flat = buffer.narrow(0, 0, count * rows.width);
    RETURN_IF_ERROR(full.read(row * rows.width, absl::MakeSpan(flat.data_ptr<float>(),
                                                               static_cast<size_t>(flat.numel()))));
    torch::Tensor piece = flat.view({count, rows.width});
    if (!SharesRows(spec)) piece = ShardView(piece, WithRows(spec, count), context_->shard());
    torch::Tensor part = into.narrow(0, row - wanted.begin, count);
    part.copy_(piece.reshape(part.sizes()));
  }
  return absl::OkStatus();
}

std::vector<TensorInfo> WeightExchange::Tensors(const std::vector<TensorSet>& sets) const {
  std::vector<TensorInfo> tensors;
  for (const TensorSet& set : sets) {
    for (const Parameter& parameter : store_->parameters())
      tensors.push_back({set.prefix + parameter.spec.name, parameter.spec.full_shape});
    for (const ParameterSpec& spec : unused_)
      tensors.push_back({set.prefix + spec.name, spec.full_shape});
  }
  return tensors;
}

// One for all: what is allocated and freed again and again leaves holes of other sizes.
torch::Tensor WeightExchange::MakeBuffer() const {
  int64_t largest = 0;
  for (const Parameter& parameter : store_->parameters()) {
    const Rows rows(parameter.spec.full_shape);
    if (parameter.spec.sharded()) largest = std::max(largest, rows.at_once() * rows.width);
  }
  return torch::empty({largest});
}

torch::Tensor WeightExchange::GatherRows(const ParameterSpec& spec, const torch::Tensor& own,
                                         Range rows, const torch::Tensor& buffer) {
  const int64_t width = Rows(spec.full_shape).width;
  const ParameterSpec piece = WithRows(spec, rows.size());
  std::vector<Range> parts;  // by rank, of the rows
  std::vector<int64_t> counts;
  for (const Shard& shard : shards_) {
    parts.push_back(Intersection(RowsOf(spec, shard), rows));
    const int64_t columns = SharesRows(spec) ? width : LocalShape(piece, shard).back();
    counts.push_back(parts.back().size() * columns);
  }
  const torch::Tensor whole = buffer.narrow(0, 0, int64_t{rows.size()} * width);
  const std::vector<torch::Tensor> slices = whole.split_with_sizes(counts);
  const int rank = context_->rank();
  const Range mine = parts[rank];
  const int64_t first = mine.begin - RowsOf(spec, shards_[rank]).begin;
  if (counts[rank] > 0) slices[rank].copy_(AsRows(own).narrow(0, first, mine.size()).reshape({-1}));
  context_->Gather({TrafficClass::kControl, Phase::kOptimizer, -1}, counts, whole);
  // Shares of the rows lie one after another.
  if (rank != 0 || SharesRows(spec)) return whole;
  const torch::Tensor full = torch::empty(piece.full_shape);
  for (size_t each = 0; each < shards_.size(); ++each) {
    const torch::Tensor part = ShardView(full, piece, shards_[each]);
    part.copy_(slices[each].view(part.sizes()));
  }
  return full;
}

void WeightExchange::GatherOne(const ParameterSpec& spec, const torch::Tensor& own,
                               const torch::Tensor& buffer, const ValueSink& sink) {
  const bool keeps = context_->rank() == 0;
  if (!spec.sharded() && !keeps) return;
  const Rows rows(spec.full_shape);
  for (int64_t row = 0; row < rows.count; row += rows.at_once()) {
    const int64_t count = std::min(rows.at_once(), rows.count - row);
    const Range range{static_cast<int>(row), static_cast<int>(row + count)};
    const torch::Tensor values = spec.sharded()
                                     ? GatherRows(spec, own, range, buffer)
                                     : AsRows(own).narrow(0, row, count).cpu().contiguous();
    if (!keeps) continue;
    // Whoever keeps the first error has it.
    sink(absl::MakeConstSpan(values.data_ptr<float>(), static_cast<size_t>(values.numel())))
        .IgnoreError();
  }
}

absl::Status WeightExchange::Gather(const std::vector<TensorSet>& sets, const ValueSink& sink) {
  torch::NoGradGuard no_grad;
  absl::Status first;
  const ValueSink keeping = Keeping(sink, &first);
  const torch::Tensor buffer = MakeBuffer();
  for (const TensorSet& set : sets) {
    for (const Parameter& parameter : store_->parameters())
      GatherOne(parameter.spec, parameter.*set.tensor, buffer, keeping);
    for (const ParameterSpec& spec : unused_) {
      if (context_->rank() != 0) continue;
      const std::vector<float> values(static_cast<size_t>(spec.elements()), UnusedValue(spec, set));
      keeping(values).IgnoreError();  // `first` has it
    }
  }
  return first;
}

}  // namespace edgetp
