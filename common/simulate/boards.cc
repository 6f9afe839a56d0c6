#include "common/simulate/boards.h"

#include <algorithm>
#include <utility>

#include "common/simulate/variation.h"

namespace edgetp {
namespace {

// After so many time constants, 99.3 % of the way to the settled temperature is done.
constexpr int kSettledConstants = 5;

}  // namespace

Boards::Boards(const std::vector<v1::DeviceProfile>& devices, int world_size,
               std::optional<BoardsDraw> draw)
    : draw_(draw) {
  for (int rank = 0; !devices.empty() && rank < world_size; ++rank) {
    const v1::DeviceProfile& device = OfRank(devices, rank);
    Board board{device.variability(), ToPowerOptions(device), std::nullopt};
    if (const std::optional<HeatOptions> heat = ToHeatOptions(device); heat.has_value()) {
      board.temperature.emplace(*heat);
      settling_time_ = std::max(settling_time_, kSettledConstants * heat->time_constant);
    }
    boards_.push_back(std::move(board));
  }
}

double Boards::FactorOf(int rank) const {
  const Board& board = boards_[rank];
  double factor = 1;
  if (draw_.has_value())
    factor *= StepFactor(board.variability, {draw_->seed, draw_->draw, rank}, steps_);
  if (board.temperature.has_value()) factor *= board.temperature->factor();
  return factor;
}

const ComputeTable& Boards::Compute(const ComputeTable& table) {
  if (!draw_.has_value() && settling_time_ == absl::ZeroDuration()) return table;
  varied_ = table;
  for (size_t rank = 0; rank < boards_.size(); ++rank)
    Scale(FactorOf(static_cast<int>(rank)), &varied_[rank]);
  return varied_;
}

std::optional<v1::StepEnergy> Boards::Pass(const std::vector<TimeBreakdown>& ranks) {
  v1::StepEnergy energy;
  bool known = !boards_.empty();
  for (size_t rank = 0; rank < boards_.size(); ++rank) {
    Board& board = boards_[rank];
    known = known && board.power.has_value();
    if (!board.power.has_value()) continue;
    const double load = board.temperature.has_value() ? 1 / board.temperature->factor() : 1;
    const double joules = Joules(*board.power, ToProto(ranks[rank]), load);
    AddRank(joules, &energy);
    if (board.temperature.has_value()) PassHeat(ranks[rank].total(), joules, &*board.temperature);
  }
  ++steps_;
  elapsed_ += ranks.front().total();
  return known ? std::make_optional(std::move(energy)) : std::nullopt;
}

void Boards::PassHeat(absl::Duration time, double joules, Temperature* temperature) {
  ++heat_steps_;
  if (temperature->throttled()) {
    ++hot_steps_;
    if (!heat_.has_throttled_after_seconds())
      heat_.set_throttled_after_seconds(absl::ToDoubleSeconds(elapsed_));
  }
  if (time > absl::ZeroDuration()) temperature->Pass(time, joules / absl::ToDoubleSeconds(time));
  heat_.set_highest_kelvin(std::max(heat_.highest_kelvin(), temperature->kelvin()));
}

std::optional<v1::Heat> Boards::heat() const {
  if (settling_time_ == absl::ZeroDuration()) return std::nullopt;
  v1::Heat heat = heat_;
  if (heat_steps_ > 0)
    heat.set_throttled_share(static_cast<double>(hot_steps_) / static_cast<double>(heat_steps_));
  return heat;
}

}  // namespace edgetp
