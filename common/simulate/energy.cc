#include "common/simulate/energy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

bool SaysWatts(const v1::DeviceProfile& device) {
  return device.has_watts_busy() || device.has_watts();
}

// Empty where nothing was assumed.
std::string NoteOn(const v1::DeviceProfile& device) {
  if (!device.has_watts_idle() && !device.has_watts_exchange())
    return "from watts alone: as if always busy";
  if (!device.has_watts_exchange()) return "no watts_exchange: exchanges count as busy";
  if (!device.has_watts_idle()) return "no watts_idle: waiting counts as exchanging";
  return "";
}

double WattsIn(Activity activity, const PowerOptions& power, double load) {
  switch (activity) {
    case Activity::kComputing:
      return power.exchange + (power.busy - power.exchange) * load;
    case Activity::kExchanging:
      return power.exchange;
    case Activity::kWaiting:
      break;
  }
  return power.idle;
}

}  // namespace

std::optional<PowerOptions> ToPowerOptions(const v1::DeviceProfile& device) {
  if (!SaysWatts(device)) return std::nullopt;
  PowerOptions power;
  power.busy = device.has_watts_busy() ? device.watts_busy() : device.watts();
  power.exchange = device.has_watts_exchange() ? device.watts_exchange() : power.busy;
  power.idle = device.has_watts_idle() ? device.watts_idle() : power.exchange;
  return power;
}

bool KnowsEnergy(const std::vector<v1::DeviceProfile>& devices) {
  return !devices.empty() && std::all_of(devices.begin(), devices.end(), SaysWatts);
}

absl::Status CheckPower(const std::vector<v1::DeviceProfile>& devices) {
  const auto silent = std::find_if_not(devices.begin(), devices.end(), SaysWatts);
  if (silent == devices.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "device ", silent->name(), " says no watts: add watts (under full load), and if you can ",
      "watts_idle and watts_exchange, to its profile, or --set device.watts=NUMBER"));
}

std::vector<std::string> PowerNotes(const std::vector<v1::DeviceProfile>& devices) {
  std::vector<std::string> notes;
  for (const v1::DeviceProfile& device : devices) {
    const std::string note = NoteOn(device);
    if (note.empty()) continue;
    const std::string line = absl::StrCat(device.name(), ": ", note);
    if (std::find(notes.begin(), notes.end(), line) == notes.end()) notes.push_back(line);
  }
  return notes;
}

double Joules(const PowerOptions& power, const v1::Breakdown& seconds, double load) {
  double joules = 0;
  for (const BreakdownTerm& term : kBreakdownTerms)
    joules += (seconds.*term.seconds)() * WattsIn(term.activity, power, load);
  return joules;
}

void AddRank(double joules, v1::StepEnergy* energy) {
  energy->add_joules_per_rank(joules);
  energy->set_joules(energy->joules() + joules);
}

void AddStep(const v1::StepEnergy& step, v1::StepEnergy* sum) {
  const int ranks = step.joules_per_rank_size();
  if (sum->joules_per_rank_size() < ranks) sum->mutable_joules_per_rank()->Resize(ranks, 0);
  for (int rank = 0; rank < ranks; ++rank)
    sum->set_joules_per_rank(rank, sum->joules_per_rank(rank) + step.joules_per_rank(rank));
  sum->set_joules(sum->joules() + step.joules());
}

void Divide(double steps, v1::StepEnergy* sum) {
  for (double& joules : *sum->mutable_joules_per_rank()) joules /= steps;
  sum->set_joules(sum->joules() / steps);
}

v1::Energy EnergyOf(const v1::StepEnergy& step, const EnergyBasis& basis,
                    const std::vector<v1::DeviceProfile>& devices) {
  constexpr double kJoulesPerWattHour = 3600;
  v1::Energy energy;
  energy.set_joules_per_step(step.joules());
  *energy.mutable_joules_per_step_per_rank() = step.joules_per_rank();
  if (basis.tokens_per_step > 0) energy.set_joules_per_token(step.joules() / basis.tokens_per_step);
  if (basis.step_seconds > 0) energy.set_mean_watts(step.joules() / basis.step_seconds);
  energy.set_run_steps(basis.run_steps);
  energy.set_watt_hours_per_run(step.joules() * basis.run_steps / kJoulesPerWattHour);
  for (const std::string& note : PowerNotes(devices)) energy.add_notes(note);
  return energy;
}

}  // namespace edgetp
