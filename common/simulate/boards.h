// The boards of a run as its steps pass: how long each one computes in the next step, and what it
// has taken of electricity in the last one. Whoever simulates steps one after another asks it, so
// that variation, heat and energy mean the same everywhere. Pure; one owner.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "common/network/attribution.h"
#include "common/simulate/compute_cost.h"
#include "common/simulate/energy.h"
#include "common/simulate/heat.h"
#include "edgetp/v1/config.pb.h"
#include "edgetp/v1/report.pb.h"

namespace edgetp {

// Whose steps vary, and by which numbers (variation.h).
struct BoardsDraw {
  uint64_t seed = 0;
  int draw = 0;
};

class Boards {
 public:
  // `devices`: one for all, or one per rank; empty: hosts, of which nothing is known. With `draw`,
  // each step of each rank has a factor of its own; what boards differ by is in the devices already
  // (DrawBoards).
  Boards(const std::vector<v1::DeviceProfile>& devices, int world_size,
         std::optional<BoardsDraw> draw = std::nullopt);

  // Of the next step: `table` itself, or what the boards make of it. Valid until the next call.
  const ComputeTable& Compute(const ComputeTable& table);

  // The step has ended; its breakdowns, by rank. Returns its energy, absent where a device says no
  // watts.
  std::optional<v1::StepEnergy> Pass(const std::vector<TimeBreakdown>& ranks);

  // So far; absent where no device can throttle.
  std::optional<v1::Heat> heat() const;
  // Until temperatures have settled; zero where no device can throttle.
  absl::Duration SettlingTime() const { return settling_time_; }

 private:
  struct Board {
    double variability = 0;
    std::optional<PowerOptions> power;
    std::optional<Temperature> temperature;
  };

  double FactorOf(int rank) const;
  void PassHeat(absl::Duration time, double joules, Temperature* temperature);

  std::vector<Board> boards_;  // by rank
  const std::optional<BoardsDraw> draw_;
  absl::Duration settling_time_;
  ComputeTable varied_;
  int steps_ = 0;
  absl::Duration elapsed_;  // of rank 0
  v1::Heat heat_;           // but for the share
  int64_t hot_steps_ = 0;   // of those below: throttled
  int64_t heat_steps_ = 0;  // of all ranks that can throttle
};

}  // namespace edgetp
