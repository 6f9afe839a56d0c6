#include "cli/shared/preset_values.h"

#include "absl/strings/str_cat.h"

namespace edgetp {

std::vector<ListedValue> ListedPresets() {
  std::vector<ListedValue> lists;
  for (const PresetValue& preset : kPresetValues)
    lists.push_back({preset.value, absl::StrCat("completion ", preset.plural)});
  return lists;
}

}  // namespace edgetp
