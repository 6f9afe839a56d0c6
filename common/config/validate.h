// Every rule that a config must keep, within a field and across fields. All violations are reported
// at once, one per line: "place: field path: rule (got value)". `place` is the file or flag that
// the config came from. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "edgetp/v1/config.pb.h"
#include "edgetp/v1/published.pb.h"

namespace edgetp {

// A run whose defaults are filled (common/config/defaults.h) and whose vocabulary is known.
// Errors: InvalidArgument with all violations; so for all functions here.
absl::Status ValidateRun(const v1::RunConfig& config, const std::string& place);

// The same for a run that is only planned, by a strategy that says itself what ranks share
// (common/plan/strategy.h).
absl::Status ValidatePlanned(const v1::RunConfig& config, const std::string& place);

// The same for a job that has no model, a measurement of collectives.
absl::Status ValidateBench(const v1::RunConfig& config, const std::string& place);

// Absent fields are fine in these three, as far as they have a default or a meaning. With
// `world_size`, ranks that the profile names must exist.
absl::Status ValidateModel(const v1::ModelConfig& model, const std::string& place);
absl::Status ValidateNetwork(const v1::NetworkProfile& network, std::optional<int> world_size,
                             const std::string& place);
absl::Status ValidateDevice(const v1::DeviceProfile& device, const std::string& place);

// Published measurements of real boards. Errors of shapes are BuildLlamaPlan's.
absl::Status ValidateScenario(const v1::BoardScenario& scenario, const std::string& place);

// A source of published measurements, as ConfigLibrary::Published reads it.
absl::Status ValidatePublished(const v1::Published& published, const std::string& place);

// What a profile of this repository must also have: kind and source; a network, also hop, for each
// of the networks of its timeline.
absl::Status ValidateShipped(const v1::NetworkProfile& network, const std::string& place);
absl::Status ValidateShipped(const v1::DeviceProfile& device, const std::string& place);

// Run names become folder names: a letter or digit, then at most 63 letters, digits, dots, dashes,
// underscores or plus signs.
bool IsRunName(const std::string& name);

}  // namespace edgetp
