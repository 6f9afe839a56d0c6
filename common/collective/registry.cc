#include "common/collective/registry.h"

#include <bit>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/collective/direct.h"
#include "common/collective/halving_doubling.h"
#include "common/collective/ring.h"
#include "common/collective/star.h"
#include "common/collective/two_phase.h"

namespace edgetp {
namespace {

int Core(int world_size) {
  return static_cast<int>(std::bit_floor(static_cast<unsigned>(world_size)));
}

int HalvingDoublingSteps(int world_size) {
  const int halvings = std::bit_width(static_cast<unsigned>(world_size)) - 1;
  return 2 * halvings + (Core(world_size) == world_size ? 0 : 2);
}

double HalvingDoublingElements(int world_size) {
  const double core = Core(world_size);
  return 2 * (core - 1) / core + (core == world_size ? 0 : 1);
}

int NoneIfAlone(int world_size, int steps) { return world_size == 1 ? 0 : steps; }

double Everything(int world_size) { return world_size - 1; }
double Optimal(int world_size) { return 2.0 * (world_size - 1) / world_size; }

}  // namespace

const std::vector<Algorithm>& Algorithms() {
  static const auto* const kAlgorithms = new std::vector<Algorithm>{
      {"direct", &BuildDirect, [](int p) { return NoneIfAlone(p, 1); }, &Everything, true, false,
       "naive all-to-all"},
      {"two_phase", &BuildTwoPhase, [](int p) { return NoneIfAlone(p, 2); }, &Optimal, true, false,
       "reduce-scatter + all-gather over a full mesh; Thakur et al., IJHPCA 2005"},
      {"ring", &BuildRing, [](int p) { return 2 * (p - 1); }, &Optimal, false, true,
       "Patarasuk and Yuan, JPDC 2009"},
      {"halving_doubling", &BuildHalvingDoubling, &HalvingDoublingSteps, &HalvingDoublingElements,
       false, true, "Rabenseifner, ICCS 2004"},
      {"star", &BuildStar, [](int p) { return NoneIfAlone(p, 2); }, &Everything, true, false,
       "parameter server"},
      {"ring_sliced", &BuildRingSliced, [](int p) { return 2 * (p - 1); }, &Optimal, false, true,
       "NCCL's ring; Patarasuk and Yuan, JPDC 2009"},
  };
  return *kAlgorithms;
}

absl::StatusOr<const Algorithm*> FindAlgorithm(const std::string& name) {
  for (const Algorithm& algorithm : Algorithms()) {
    if (name == algorithm.name) return &algorithm;
  }
  const auto append_name = [](std::string* out, const Algorithm& row) { out->append(row.name); };
  return absl::InvalidArgumentError(
      absl::StrCat("all-reduce algorithm: unknown name \"", name,
                   "\" (known: ", absl::StrJoin(Algorithms(), ", ", append_name), ")"));
}

std::vector<std::string> AlgorithmChoices() {
  std::vector<std::string> names = {"auto"};
  for (const Algorithm& algorithm : Algorithms()) names.push_back(algorithm.name);
  return names;
}

absl::Status CheckFormat(const Algorithm& algorithm, const WireFormat& format) {
  if (!algorithm.encodes_every_hop || format.survives_hops()) return absl::OkStatus();
  std::vector<std::string> able;
  for (const Algorithm& row : Algorithms()) {
    if (!row.encodes_every_hop) able.push_back(row.name);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      algorithm.name, " encodes at every hop, which ", format.name(), " (", format.bits(),
      " bits) does not survive; take ", absl::StrJoin(able, ", "), " or auto"));
}

}  // namespace edgetp
