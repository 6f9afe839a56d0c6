#include "common/plan/place.h"

#include <algorithm>

namespace edgetp {
std::vector<ParameterSpec> ParametersAt(const Place& place, bool tied_head,
                                        std::vector<ParameterSpec> specs) {
  int head = 0;
  for (const ParameterSpec& spec : specs) head = std::max(head, spec.stage);
  if (!place.first && place.last && tied_head) {
    for (ParameterSpec& spec : specs) {
      if (spec.name == kTiedParameter) spec.stage = head;
    }
  }
  std::erase_if(specs, [&](const ParameterSpec& spec) {
    return (spec.stage == 0 && !place.first) || (spec.stage == head && !place.last);
  });
  return specs;
}

}  // namespace edgetp
