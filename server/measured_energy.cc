#include "server/measured_energy.h"

#include "absl/status/status.h"
#include "common/simulate/compute_cost.h"
#include "common/simulate/energy.h"

namespace edgetp {

StepCharger MeasuredEnergy(const std::vector<v1::DeviceProfile>& devices) {
  if (!KnowsEnergy(devices)) return nullptr;
  std::vector<PowerOptions> power;
  for (const v1::DeviceProfile& device : devices) power.push_back(*ToPowerOptions(device));
  return [power](const std::vector<v1::StepReport>& reports, v1::StepRecord* record) {
    for (size_t rank = 0; rank < reports.size(); ++rank) {
      const PowerOptions& of_rank = OfRank(power, static_cast<int>(rank));
      AddRank(Joules(of_rank, reports[rank].breakdown_seconds()), record->mutable_energy());
    }
    return absl::OkStatus();
  };
}

}  // namespace edgetp
