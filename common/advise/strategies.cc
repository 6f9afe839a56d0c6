#include "common/advise/strategies.h"

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

constexpr char kTensor[] = "tensor";
constexpr char kData[] = "data";
constexpr char kPipeline[] = "pipeline";

bool Possible(const AdviseStrategy& strategy, const ModelShape& shape, int sequences) {
  return strategy.shards <= shape.heads && strategy.stages <= shape.layers &&
         sequences % strategy.replicas == 0;
}

std::string MeshText(const char* outer, int outer_size, const char* inner, int inner_size) {
  return absl::StrCat(outer, "=", outer_size, ",", inner, "=", inner_size);
}

}  // namespace

std::string AdviseStrategy::Kind() const {
  std::string kind;
  bool size = false;
  for (const char c : name) {
    size = c == '=' || (size && c != ',');
    if (!size) kind += c;
  }
  return kind;
}

std::vector<AdviseStrategy> StrategiesOf(int workers, const ModelShape& shape, int sequences) {
  if (workers == 1) return {AdviseStrategy()};
  std::vector<AdviseStrategy> all = {{.name = kTensor, .shards = workers},
                                     {.name = kData, .replicas = workers},
                                     {.name = kPipeline, .stages = workers},
                                     {.name = "local", .replicas = workers, .local = true}};
  for (int outer = 2; outer <= workers / 2; ++outer) {
    const int inner = workers / outer;
    if (outer * inner != workers) continue;
    all.push_back({MeshText(kData, outer, kTensor, inner), outer, 1, inner});
    all.push_back({MeshText(kData, outer, kPipeline, inner), outer, inner, 1});
    all.push_back({MeshText(kPipeline, outer, kTensor, inner), 1, outer, inner});
  }
  std::erase_if(
      all, [&](const AdviseStrategy& strategy) { return !Possible(strategy, shape, sequences); });
  return all;
}

}  // namespace edgetp
