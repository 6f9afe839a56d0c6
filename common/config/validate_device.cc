// Rules of a device profile about power and heat.
#include "common/config/violations.h"

namespace edgetp {
namespace {

// Slower or faster than that is no board of the profile's kind.
constexpr double kMaxComputeFactor = 100;

struct Field {
  const char* name;
  bool present;
  double value;
};

void AtMost(const Field& low, const Field& high, const std::string& path, Violations* violations) {
  if (!low.present || !high.present || low.value <= high.value) return;
  violations->AddGot(path + low.name,
                     absl::StrCat("must be at most ", high.name, "=", FormatPlain(high.value)),
                     low.value);
}

void CheckPower(const v1::DeviceProfile& device, const std::string& path, Violations* violations) {
  const Field idle{"watts_idle", device.has_watts_idle(), device.watts_idle()};
  const Field exchange{"watts_exchange", device.has_watts_exchange(), device.watts_exchange()};
  const Field own_busy{"watts_busy", device.has_watts_busy(), device.watts_busy()};
  const Field watts{"watts", device.has_watts(), device.watts()};
  const Field& busy = own_busy.present ? own_busy : watts;
  for (const Field& field : {idle, exchange, own_busy, watts}) {
    if (field.present) violations->Positive(path + field.name, field.value);
  }
  if ((idle.present || exchange.present) && !busy.present)
    violations->Add(path + "watts_busy", "must be set, or watts, where other watts are");
  AtMost(idle, exchange.present ? exchange : busy, path, violations);
  AtMost(exchange, busy, path, violations);
}

void CheckHeat(const v1::DeviceProfile& device, const std::string& path, Violations* violations) {
  // Ranges in which temperatures are numbers, and spans of time neither nothing nor for ever.
  const struct {
    Field field;
    double low;
    double high;
  } rows[] = {
      {{"thermal_time_constant_seconds", device.has_thermal_time_constant_seconds(),
        device.thermal_time_constant_seconds()},
       1e-3,
       1e9},
      {{"thermal_kelvin_per_watt", device.has_thermal_kelvin_per_watt(),
        device.thermal_kelvin_per_watt()},
       1e-3,
       1e6},
      {{"thermal_limit_kelvin", device.has_thermal_limit_kelvin(), device.thermal_limit_kelvin()},
       1e-3,
       1e4},
      {{"throttle_factor", device.has_throttle_factor(), device.throttle_factor()}, 1, 100}};
  const char* given = nullptr;
  for (const auto& [field, low, high] : rows) {
    if (field.present) given = field.name;
  }
  if (given == nullptr) return;
  for (const auto& [field, low, high] : rows) {
    if (field.present) {
      violations->InRange(path + field.name, field.value, low, high);
    } else {
      violations->Add(path + field.name, absl::StrCat("must be set where ", given, " is"));
    }
  }
  if (!device.has_watts() && !device.has_watts_busy())
    violations->Add(path + "watts", "must be set: power is what heats a device");
}

}  // namespace

void CheckPowerAndHeat(const v1::DeviceProfile& device, const std::string& path,
                       Violations* violations) {
  CheckPower(device, path, violations);
  CheckHeat(device, path, violations);
  if (device.has_compute_factor()) {
    violations->InRange(path + "compute_factor", device.compute_factor(), 1 / kMaxComputeFactor,
                        kMaxComputeFactor);
  }
}

}  // namespace edgetp
