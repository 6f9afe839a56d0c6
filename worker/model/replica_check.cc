#include "worker/model/replica_check.h"

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/random.h"

namespace edgetp {
namespace {

// A hash travels as four 16-bit numbers: each is exact in a float32, and so is its sum with the
// other ranks' zeros.
constexpr int kParts = 4;

uint64_t HashBits(const torch::Tensor& tensor) {
  const torch::Tensor host = tensor.detach().cpu().contiguous();
  const float* data = host.data_ptr<float>();
  uint64_t hash = 0;
  for (int64_t i = 0; i < host.numel(); ++i) {
    uint32_t bits;
    std::memcpy(&bits, data + i, sizeof(bits));
    hash = Mix64(hash ^ bits);
  }
  return hash;
}

std::vector<const Parameter*> Replicated(const ParameterStore& store) {
  std::vector<const Parameter*> parameters;
  for (const Parameter& parameter : store.parameters()) {
    if (!parameter.spec.sharded()) parameters.push_back(&parameter);
  }
  return parameters;
}

}  // namespace

absl::Status CompareReplicas(const ParameterStore& store, ParallelContext& context, int step) {
  if (context.world_size() == 1) return absl::OkStatus();
  const std::vector<const Parameter*> parameters = Replicated(store);
  const int64_t count = static_cast<int64_t>(parameters.size());
  const torch::Tensor table =
      torch::zeros({context.world_size(), count, kParts});  // each rank fills its row
  auto cell = table.accessor<float, 3>();
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t hash = HashBits(parameters[i]->value);
    for (int part = 0; part < kParts; ++part) {
      cell[context.rank()][i][part] = static_cast<float>((hash >> (16 * part)) & 0xffff);
    }
  }
  context.AllReduce({TrafficClass::kControl, Phase::kOptimizer, -1}, table);
  for (int64_t i = 0; i < count; ++i) {
    std::vector<int> others;
    for (int rank = 1; rank < context.world_size(); ++rank) {
      if (!table[rank][i].equal(table[0][i])) others.push_back(rank);
    }
    if (others.empty()) continue;
    return absl::InternalError(absl::StrCat("replica check: parameter ", parameters[i]->spec.name,
                                            " differs between ranks (step=", step, " ranks=",
                                            absl::StrJoin(others, ","), " differ from rank 0)"));
  }
  return absl::OkStatus();
}

}  // namespace edgetp
