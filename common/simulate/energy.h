// What a step takes of electricity: each rank's breakdown times the power of its device meanwhile.
// Read by the simulator, by the server for the runs that it records, and by whoever compares
// candidates by energy. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/network/attribution.h"
#include "edgetp/v1/config.pb.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

// Power of a device, in watts:
//   idle                                  its rank waits
//   exchange + (busy - exchange) * load   it is at work
// `exchange` is the power of a device that is awake with hardly any load: in messages' software,
// staging and transfer. Compute is load 1, or less where it is throttled (heat.h). What an exchange
// under compute adds to that is left out.
// Source: idle, epsilon and all cores of SimGrid's host_energy plugin (Heinrich et al., CLUSTER
// 2017), whose fourth number is of hosts that are off.
struct PowerOptions {
  double idle = 0;
  double exchange = 0;
  double busy = 0;
};

// Absent where the profile says no watts at all. What else it leaves out is taken from the next
// busier state.
std::optional<PowerOptions> ToPowerOptions(const v1::DeviceProfile& device);

// Whether the energy of all of them is known; false without any.
bool KnowsEnergy(const std::vector<v1::DeviceProfile>& devices);

// The same as a demand.
// Errors: InvalidArgument with the first device that says no watts, and how to add them.
absl::Status CheckPower(const std::vector<v1::DeviceProfile>& devices);

// What was taken from another state, in words, once for each kind of device:
// "raspberry-pi-5: from watts alone: as if always busy".
std::vector<std::string> PowerNotes(const std::vector<v1::DeviceProfile>& devices);

// Joules of one rank over a span. `load` of its compute, in (0, 1].
double Joules(const PowerOptions& power, const v1::Breakdown& seconds, double load = 1);

// Puts a rank's joules behind those of the ranks before it, and into the sum.
void AddRank(double joules, v1::StepEnergy* energy);

// Sums of steps with as many ranks (an empty sum takes any), and the mean of `steps` of them.
void AddStep(const v1::StepEnergy& step, v1::StepEnergy* sum);
void Divide(double steps, v1::StepEnergy* sum);

// What a mean step stands for.
struct EnergyBasis {
  double step_seconds = 0;
  double tokens_per_step = 0;
  int run_steps = 0;
};

// The report of a mean step. `devices`: one for all, or one per rank; their notes go with it.
v1::Energy EnergyOf(const v1::StepEnergy& step, const EnergyBasis& basis,
                    const std::vector<v1::DeviceProfile>& devices);

}  // namespace edgetp
