#include "cli/shared/slow_network.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/config/units.h"
#include "common/simulate/deadline.h"

namespace edgetp {
namespace {

// What `edgetp simulate` calls infeasible, too.
constexpr absl::Duration kSlowStep = absl::Minutes(1);

std::string Span(absl::Duration span) {
  if (span < absl::Hours(72)) return edgetp::FormatDuration(span);
  return absl::StrFormat("%.0f days", absl::FDivDuration(span, absl::Hours(24)));
}

}  // namespace

double PredictedWait(const v1::RunConfig& config) {
  if (!config.has_network() || config.clock() == v1::CLOCK_SIMULATED) return 0;
  const auto needs = NeedsOfStep(config);
  if (!needs.ok()) return 0;
  return absl::ToDoubleSeconds(needs->network_step) * config.train().steps();
}

std::string SlowNetworkNote(const v1::RunConfig& config) {
  if (!config.has_network() || config.clock() == v1::CLOCK_SIMULATED) return "";
  const auto needs = NeedsOfStep(config);
  if (!needs.ok() || needs->network_step < kSlowStep) return "";
  const int steps = config.train().steps();
  return absl::StrCat(config.network().name(),
                      " is slow for this run: the network alone takes about ",
                      Span(needs->network_step), " per step, ", Span(needs->network_step * steps),
                      " for ", steps, " steps (predicted)");
}

}  // namespace edgetp
