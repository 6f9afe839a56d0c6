#include "server/ideal_step.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "common/config/convert.h"
#include "common/plan/model_flops.h"
#include "common/plan/precision.h"

namespace edgetp {
namespace {

// By rank.
std::vector<double> FlopsOf(const v1::RunConfig& config, const std::vector<double>& measured) {
  const std::vector<v1::DeviceProfile> devices = DevicesOf(config);
  const std::string& precision = config.memory().precision();
  const bool fp32 = PrecisionNamed(precision).value_or(Precision::kFp32) == Precision::kFp32;
  if (devices.empty()) return fp32 ? measured : std::vector<double>();
  if (devices.size() == 1)
    return std::vector<double>(std::max(config.workers(), 0), devices[0].flops_per_second());
  std::vector<double> flops;
  for (const v1::DeviceProfile& device : devices) flops.push_back(device.flops_per_second());
  return flops;
}

}  // namespace

std::optional<double> IdealStepSeconds(const v1::RunConfig& config,
                                       const std::vector<double>& measured) {
  const auto shape = ToModelShape(config.model());
  const std::vector<double> flops = FlopsOf(config, measured);
  const auto known = [](double each) { return std::isfinite(each) && each > 0; };
  if (!shape.ok() || flops.empty() || !std::all_of(flops.begin(), flops.end(), known))
    return std::nullopt;
  const double tokens = SequencesPerStep(config) * config.model().sequence();
  return ModelFlopsPerToken(*shape) * tokens / std::accumulate(flops.begin(), flops.end(), 0.0);
}

}  // namespace edgetp
