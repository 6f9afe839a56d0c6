#include "common/simulate/heat.h"

#include <cmath>

namespace edgetp {

std::optional<HeatOptions> ToHeatOptions(const v1::DeviceProfile& device) {
  // Validation has seen to it that the other three are there, too.
  if (!device.has_thermal_limit_kelvin()) return std::nullopt;
  return HeatOptions{.time_constant = absl::Seconds(device.thermal_time_constant_seconds()),
                     .kelvin_per_watt = device.thermal_kelvin_per_watt(),
                     .limit_kelvin = device.thermal_limit_kelvin(),
                     .throttle_factor = device.throttle_factor()};
}

void Temperature::Pass(absl::Duration time, double watts) {
  const double settled = options_.kelvin_per_watt * watts;
  const double left = std::exp(-absl::FDivDuration(time, options_.time_constant));
  kelvin_ = settled + (kelvin_ - settled) * left;
}

}  // namespace edgetp
