// A device that heats up, and slows down when it is too hot. One first-order term for its
// temperature above the surroundings, which begins at none:
//   dT/dt = (kelvin_per_watt * watts - T) / time_constant
// A step that begins at `limit` or above computes throttle_factor times as long, at a load of
// 1 / throttle_factor (energy.h): less power, so the device cools, and settles around its limit.
// Known only between steps: a step that is long against the time constant is taken as one. Pure.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

struct HeatOptions {
  absl::Duration time_constant;
  double kelvin_per_watt = 0;  // above the surroundings, once settled
  double limit_kelvin = 0;     // above the surroundings
  double throttle_factor = 1;
};

// Absent: the device never throttles.
std::optional<HeatOptions> ToHeatOptions(const v1::DeviceProfile& device);

class Temperature {
 public:
  explicit Temperature(const HeatOptions& options) : options_(options) {}

  // Above the surroundings.
  double kelvin() const { return kelvin_; }
  bool throttled() const { return kelvin_ >= options_.limit_kelvin; }
  // So many times as long compute takes now.
  double factor() const { return throttled() ? options_.throttle_factor : 1; }

  // Lets time pass at a mean power; exact where the power is constant.
  void Pass(absl::Duration time, double watts);

 private:
  HeatOptions options_;
  double kelvin_ = 0;
};

}  // namespace edgetp
