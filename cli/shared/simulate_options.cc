#include "cli/shared/simulate_options.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/shared/command.h"
#include "cli/shared/format.h"
#include "common/base/status_macros.h"
#include "common/base/suggest.h"
#include "common/collective/registry.h"
#include "common/config/convert.h"
#include "common/config/load.h"
#include "common/config/units.h"
#include "common/config/validate.h"
#include "common/network/network_profile.h"
#include "common/network/scenario.h"
#include "common/rpc/signals.h"
#include "common/simulate/energy.h"
#include "common/simulate/simulated_run.h"

namespace edgetp {
namespace {

constexpr int64_t kElementBytes = 4;  // float32

template <typename T>
std::vector<std::optional<T>> OrNone(const std::vector<T>& values) {
  if (values.empty()) return {std::nullopt};
  return {values.begin(), values.end()};
}

// The same fault in many combinations is told once.
class FaultsOnce {
 public:
  explicit FaultsOnce(Faults* faults) : faults_(*faults) {}
  void Add(const absl::Status& status) {
    if (status.ok()) return;
    const std::vector<std::string> lines = absl::StrSplit(std::string(status.message()), '\n');
    for (const std::string& line : lines) {
      if (std::find(told_.begin(), told_.end(), line) != told_.end()) continue;
      told_.push_back(line);
      faults_.Add(absl::InvalidArgumentError(line));
    }
  }

 private:
  Faults& faults_;
  std::vector<std::string> told_;
};

// That a run has which is planned from these flags.
int WorkersOf(RunFlags run) {
  run.plans_strategy = true;
  const auto config = ResolvePlan(run);
  return config.ok() ? config->workers() : run.workers.value_or(1);
}

absl::Status NoDevice(const RunFlags& flags) {
  const auto known = ConfigLibrary::Default(flags.config_path).Names(ConfigKind::kDevice);
  return absl::InvalidArgumentError(
      absl::StrCat("--device: must be given: a device profile is what compute times come from "
                   "(known: ",
                   absl::StrJoin(known, ", "), "; or a file)"));
}

bool SharesTensors(const std::string& strategy) { return absl::StrContains(strategy, "tensor"); }

// Its plan is built once here, so that what is wrong with it is told with all other faults.
absl::Status AddStrategy(const SimulateFlags& flags, const std::optional<std::string>& strategy,
                         const v1::RunConfig& config, SimulateCell* cell) {
  if (!strategy.has_value()) {
    ASSIGN_OR_RETURN(cell->run.strategy, StrategyOf(config));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(cell->run.strategy, ResolveStrategy(flags.strategy, *strategy));
  const bool several = flags.patterns.size() > 1 || flags.overlaps.size() > 1;
  cell->pattern =
      several && SharesTensors(*strategy) ? absl::StrCat(*strategy, " ", cell->pattern) : *strategy;
  return PlanOf(cell->run.forecast, cell->run.strategy).status();
}

absl::StatusOr<SimulateCell> ResolveCell(const SimulateFlags& flags, const RunFlags& run,
                                         const std::optional<std::string>& device,
                                         const std::optional<std::string>& strategy) {
  RunFlags with_device = run;
  if (device.has_value()) with_device.device = device;
  with_device.plans_strategy = strategy.has_value();
  ASSIGN_OR_RETURN(const v1::RunConfig config, ResolvePlan(with_device));
  SimulateCell cell;
  ForecastCase& forecast = cell.run.forecast;
  ASSIGN_OR_RETURN(forecast, ToForecastCase(config));
  if (forecast.devices.empty()) return NoDevice(run);
  if (flags.energy) RETURN_IF_ERROR(Annotate(CheckPower(forecast.devices), "--energy"));
  forecast.steps = flags.steps;
  forecast.stop = [] { return ShutdownSignal() != 0; };
  cell.run.model = config.model().name();
  cell.run.device = device.value_or(DescribeDevices(config));
  cell.run.run_steps = config.train().steps();
  cell.run.draws = {flags.draws.value_or(kDefaultDraws), /*by_default=*/!flags.draws.has_value()};
  cell.pattern =
      PatternWithOverlap(run.pattern.value_or(config.pattern()), ToString(forecast.plan.overlap));
  cell.allreduce = forecast.algorithm;
  RETURN_IF_ERROR(AddStrategy(flags, strategy, config, &cell));
  if (flags.max_step.has_value()) {
    const auto limit = ParseDelay(*flags.max_step);
    if (!limit.ok()) return Annotate(limit.status(), "--max_step");
    cell.run.max_step = *limit;
  }
  return cell;
}

// What messages and encoding cost; nothing where no device is named.
absl::StatusOr<DeviceOptions> DeviceOfAllReduces(const SimulateFlags& flags) {
  if (flags.devices.empty()) return DeviceOptions();
  if (flags.devices.size() > 1) {
    return absl::InvalidArgumentError("--device: all-reduces by size take one device for all");
  }
  ASSIGN_OR_RETURN(const v1::DeviceProfile device,
                   ConfigLibrary::Default(flags.run.config_path).Device(flags.devices[0]));
  RETURN_IF_ERROR(ValidateDevice(device, "--device"));
  return ToDeviceOptions(device);
}

// Whether an algorithm takes the formats that were typed. One that nobody knows is told elsewhere.
bool TakesFormats(const Algorithm& algorithm, const RunFlags& run) {
  for (const auto& typed : {run.wire, run.wire_forward, run.wire_backward, run.wire_grad_sync}) {
    const auto format = WireFormat::Parse(typed.value_or("fp32"));
    if (format.ok() && !CheckFormat(algorithm, *format).ok()) return false;
  }
  return true;
}

bool SameButForTheName(v1::NetworkProfile left, v1::NetworkProfile right) {
  left.clear_name();
  right.clear_name();
  return left.SerializeAsString() == right.SerializeAsString();
}

// A profile with a timeline is as many networks as it has different states; a state that cuts ranks
// off from one another has no step time.
std::vector<v1::NetworkProfile> StatesOf(const v1::NetworkProfile& profile) {
  if (profile.events().empty()) return {profile};
  std::vector<v1::NetworkProfile> states;
  for (const NetworkState& state : UnrollNetwork(profile)) {
    const bool known = std::any_of(states.begin(), states.end(), [&](const auto& other) {
      return SameButForTheName(other, state.network);
    });
    if (!known && state.network.partition().empty()) states.push_back(state.network);
  }
  return states;
}

absl::StatusOr<std::vector<NetworkOptions>> ResolveStates(const RunFlags& run, int workers) {
  ASSIGN_OR_RETURN(const auto profile, ResolveNetworkFlags(run, workers));
  std::vector<NetworkOptions> networks;
  for (const v1::NetworkProfile& state : StatesOf(profile.value_or(UnlimitedNetwork()))) {
    ASSIGN_OR_RETURN(networks.emplace_back(), ResolveNetwork(state, workers));
  }
  return networks;
}

// Of every strategy, or the one without; what a strategy does not depend on gives one cell.
void AddCells(const SimulateFlags& flags, const RunFlags& run,
              const std::optional<std::string>& device, std::vector<SimulateCell>* cells,
              FaultsOnce* faults) {
  const auto first = [](const auto& typed, const auto& list) {
    return list.empty() || typed == list.front();
  };
  const bool first_of_all =
      first(run.pattern, flags.patterns) && first(run.overlap, flags.overlaps);
  std::vector<std::string> strategies;
  if (flags.strategy.asked()) strategies = StrategiesOf(flags.strategy, WorkersOf(run));
  for (const auto& strategy : OrNone(strategies)) {
    if (strategy.has_value() && !SharesTensors(*strategy) && !first_of_all) continue;
    auto cell = ResolveCell(flags, run, device, strategy);
    faults->Add(cell.status());
    if (cell.ok()) cells->push_back(*std::move(cell));
  }
}

// All combinations on one network, as it was asked for.
std::vector<SimulateCell> ResolveCells(const SimulateFlags& flags,
                                       const std::optional<std::string>& network,
                                       const std::vector<std::optional<std::string>>& algorithms,
                                       FaultsOnce* faults) {
  std::vector<SimulateCell> cells;
  RunFlags run = flags.run;
  run.network = network;
  for (const auto& workers : OrNone(flags.workers)) {
    for (const auto& device : OrNone(flags.devices)) {
      for (const auto& pattern : OrNone(flags.patterns)) {
        for (const auto& overlap : OrNone(flags.overlaps)) {
          for (const auto& algorithm : algorithms) {
            run.workers = workers;
            run.pattern = pattern;
            run.overlap = overlap;
            run.allreduce = algorithm;
            AddCells(flags, run, device, &cells, faults);
          }
        }
      }
    }
  }
  return cells;
}

}  // namespace

std::vector<std::string> ResolveAlgorithms(const SimulateFlags& flags, Faults* faults) {
  std::vector<std::string> names;
  std::vector<std::string> known = AlgorithmChoices();
  known.push_back("all");
  const auto add = [&names](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const std::string& asked : flags.algorithms) {
    if (asked == "all") {
      for (const Algorithm& algorithm : Algorithms()) {
        if (TakesFormats(algorithm, flags.run)) add(algorithm.name);
      }
    } else if (std::find(known.begin(), known.end(), asked) == known.end()) {
      faults->Add(absl::InvalidArgumentError(
          absl::StrCat("--allreduce: invalid value \"", asked, "\"", KnownNames(asked, known))));
    } else {
      add(asked);
    }
  }
  return names;
}

std::vector<SimulateCell> ResolveSimulation(const SimulateFlags& flags, Faults* faults) {
  FaultsOnce once(faults);
  once.Add(CheckUnasked(flags.strategy));
  std::vector<SimulateCell> cells;
  const auto algorithms = OrNone(ResolveAlgorithms(flags, faults));
  for (const auto& network : OrNone(flags.networks)) {
    const std::vector<SimulateCell> asked = ResolveCells(flags, network, algorithms, &once);
    if (asked.empty()) continue;
    for (const v1::NetworkProfile& state : StatesOf(asked.front().run.forecast.network)) {
      for (SimulateCell cell : asked) {
        cell.run.forecast.network = state;
        cells.push_back(std::move(cell));
      }
    }
  }
  return cells;
}

std::vector<AllReduceProblem> ResolveAllReduces(const SimulateFlags& flags, Faults* faults) {
  std::vector<AllReduceProblem> problems;
  FaultsOnce once(faults);
  AllReduceProblem problem;
  problem.device = faults->Take(DeviceOfAllReduces(flags));
  const auto& wire = flags.run.wire_forward ? flags.run.wire_forward : flags.run.wire;
  if (wire.has_value()) problem.wire = faults->Take(WireFormat::Parse(*wire));
  if (flags.run.slice.has_value()) problem.slice_bytes = faults->Take(ParseSlice(*flags.run.slice));
  std::vector<int64_t> sizes;
  for (const std::string& size : flags.bytes)
    sizes.push_back(faults->Take(ParseAllReduceBytes(size)));
  const std::vector<int> default_workers = {2};
  RunFlags run = flags.run;
  for (const auto& network : OrNone(flags.networks)) {
    for (const int workers : flags.workers.empty() ? default_workers : flags.workers) {
      run.network = network;
      const auto networks = ResolveStates(run, workers);
      once.Add(networks.status());
      if (!networks.ok()) continue;
      problem.world_size = workers;
      for (const NetworkOptions& state : *networks) {
        problem.network = state;
        for (const int64_t size : sizes) {
          problem.elements = size / kElementBytes;
          problems.push_back(problem);
        }
      }
    }
  }
  return problems;
}

}  // namespace edgetp
