// The kinds of presets: what help pages call the value of an option that takes the name of one, and
// what `edgetp completion` calls them.
#pragma once

#include <vector>

#include "common/config/load.h"
#include "common/help/bash_completion.h"

namespace edgetp {

inline constexpr char kModelValue[] = "MODEL";
inline constexpr char kDeviceValue[] = "DEVICE";
inline constexpr char kNetworkValue[] = "NETWORK";
inline constexpr char kPresetValue[] = "PRESET";  // of a whole run
inline constexpr char kScenarioValue[] = "SCENARIO";
inline constexpr char kSourceValue[] = "SOURCE";

struct PresetValue {
  const char* value;
  const char* plural;
  ConfigKind kind;
};

inline constexpr PresetValue kPresetValues[] = {
    {kModelValue, "models", ConfigKind::kModel},
    {kDeviceValue, "devices", ConfigKind::kDevice},
    {kNetworkValue, "networks", ConfigKind::kNetwork},
    {kPresetValue, "runs", ConfigKind::kRun},
    {kScenarioValue, "scenarios", ConfigKind::kScenario},
    {kSourceValue, "sources", ConfigKind::kPublished}};

// How completion asks this program for their names.
std::vector<ListedValue> ListedPresets();

}  // namespace edgetp
