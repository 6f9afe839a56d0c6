#include "common/config/schedule.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "common/base/suggest.h"

namespace edgetp {
namespace {

// What is left of learning_rate - min_learning_rate at a point of the decay, 0..1.
double HalfCosine(double progress) { return 0.5 * (1.0 + std::cos(std::numbers::pi * progress)); }
double Line(double progress) { return 1.0 - progress; }

struct ScheduleRow {
  const char* name;
  double (*share)(double progress);  // null: the rate stays as it is
  bool stable;  // until stable_steps; else the decay begins with the warm-up's end
};

constexpr ScheduleRow kSchedules[] = {
    {kDefaultSchedule, &HalfCosine, false},
    {"linear", &Line, false},
    {"constant", nullptr, false},
    {"wsd", &Line, true},
};

// Null: there is none of that name.
const ScheduleRow* Find(const std::string& name) {
  const auto* const row =
      std::find_if(std::begin(kSchedules), std::end(kSchedules),
                   [&name](const ScheduleRow& row) { return name == row.name; });
  return row == std::end(kSchedules) ? nullptr : row;
}

}  // namespace

std::vector<std::string> ScheduleNames() {
  std::vector<std::string> names;
  for (const ScheduleRow& row : kSchedules) names.emplace_back(row.name);
  return names;
}

absl::Status CheckSchedule(const std::string& name) {
  if (Find(name) != nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("unknown schedule \"", name, "\"", KnownNames(name, ScheduleNames())));
}

bool Decays(const std::string& name) {
  const ScheduleRow* const row = Find(name);
  return row != nullptr && row->share != nullptr;
}

bool HasStablePart(const std::string& name) {
  const ScheduleRow* const row = Find(name);
  return row != nullptr && row->stable;
}

int DefaultStableSteps(const v1::TrainConfig& train) {
  const int warmed = std::min(train.warmup_steps(), train.decay_steps());
  return std::max(warmed, static_cast<int>(int64_t{train.decay_steps()} * 9 / 10));
}

double LearningRate(const v1::TrainConfig& train, int step) {
  if (step < train.warmup_steps())
    return train.learning_rate() * (step + 1) / (train.warmup_steps() + 1);
  const ScheduleRow* const row =
      Find(train.has_schedule() ? train.schedule() : std::string(kDefaultSchedule));
  if (row == nullptr || row->share == nullptr) return train.learning_rate();
  if (step >= train.decay_steps()) return train.min_learning_rate();
  const int begin =
      row->stable ? std::max(train.stable_steps(), train.warmup_steps()) : train.warmup_steps();
  if (step < begin) return train.learning_rate();
  const double progress = static_cast<double>(step - begin) / (train.decay_steps() - begin);
  return train.min_learning_rate() +
         row->share(progress) * (train.learning_rate() - train.min_learning_rate());
}

void ForgetDefaultDecay(v1::TrainConfig* train) {
  if (train->decay_steps() != train->steps()) return;
  if (train->stable_steps() == DefaultStableSteps(*train)) train->clear_stable_steps();
  train->clear_decay_steps();
}

}  // namespace edgetp
