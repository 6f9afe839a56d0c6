#include "common/simulate/draws.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_format.h"
#include "common/base/quantile.h"
#include "common/base/status_macros.h"
#include "common/simulate/variation.h"

namespace edgetp {
namespace {

// Of a draw on a random network: its median tells boards apart, and no p99 is taken of it.
constexpr int kRandomStepsPerDraw = 5;

// As many as the nominal forecast has where that is not for a p99 of jitter's sake.
int StepsPerDraw(const ForecastCase& forecast, const Forecast& nominal) {
  const int steps = static_cast<int>(nominal.step_seconds.size());
  if (forecast.steps.has_value() || nominal.heat.has_value()) return steps;
  return std::min(steps, kRandomStepsPerDraw);
}

// Of all draws, each with so many steps like those of `one`. A draw has at least the events of the nominal forecast,
// of whose collectives more are alike.
double EventsOf(const Forecast& one, int steps, const DrawOptions& options) {
  return static_cast<double>(one.counts.events) * steps * options.count /
         static_cast<double>(one.step_seconds.size());
}

bool TooMany(double events, const DrawOptions& options, v1::Variation* variation) {
  if (!options.by_default || events <= kMaxDefaultDrawEvents) return false;
  variation->set_note(absl::StrFormat("not drawn: %.2g events or more; --draws=%d asks for it",
                                      events, options.count));
  return true;
}

}  // namespace

absl::StatusOr<std::optional<v1::Variation>> DrawSteps(const ForecastCase& forecast,
                                                       const StepPlan& plan,
                                                       const Forecast& nominal,
                                                       const DrawOptions& options) {
  const double variability = LargestVariability(forecast.devices);
  if (options.count == 0 || (options.by_default && variability == 0)) return std::nullopt;
  v1::Variation variation;
  variation.set_variability(variability);
  ForecastCase drawn = forecast;
  drawn.steps = StepsPerDraw(forecast, nominal);
  if (TooMany(EventsOf(nominal, *drawn.steps, options), options, &variation)) return variation;
  std::vector<double> medians;
  for (int draw = 0; draw < options.count; ++draw) {
    drawn.draw = draw;
    ASSIGN_OR_RETURN(const Forecast boards, RunForecast(drawn, plan));
    if (draw == 0 && TooMany(EventsOf(boards, *drawn.steps, options), options, &variation))
      return variation;
    medians.push_back(Quantile(boards.step_seconds, 0.5));
  }
  variation.set_draws(options.count);
  variation.set_step_seconds_p50(Quantile(medians, 0.5));
  variation.set_step_seconds_p99(Quantile(medians, 0.99));
  return variation;
}

}  // namespace edgetp
