#include "common/advise/patterns.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/plan/pattern.h"

namespace edgetp {
namespace {

// Repeated until the model is full. An isolated p saves nothing over s, so (sp) is none of them.
const std::vector<std::vector<std::string>>& Units() {
  static const auto* const kUnits = new std::vector<std::vector<std::string>>{
      {"t"}, {"l"}, {"t~2"}, {"g"}, {"t@0.5"}, {"t", "s"}, {"s"}, {"d"}, {"s", "p", "p", "p"},
      {"p"}};
  return *kUnits;
}

// "(sppp)*3", "t*12", "(sppp)*1 sp".
std::string Repeated(const std::vector<std::string>& unit, int layers) {
  const auto size = static_cast<int>(unit.size());
  const int times = layers / size;
  std::string text = absl::StrJoin(unit, "");
  if (size > 1) text = absl::StrCat("(", text, ")");
  text = times > 0 ? absl::StrCat(text, "*", times) : "";
  const std::string rest = absl::StrJoin(unit.begin(), unit.begin() + layers % size, "");
  return absl::StrCat(text, text.empty() || rest.empty() ? "" : " ", rest);
}

}  // namespace

std::string DensePattern(const ModelShape& shape) {
  return Repeated(Units().front(), shape.layers);
}

std::vector<std::string> AdvisedPatterns(const ModelShape& shape) {
  std::vector<std::string> texts;
  std::set<std::string> known;  // expanded: few layers make different units the same pattern
  for (const std::vector<std::string>& unit : Units()) {
    const std::string text = Repeated(unit, shape.layers);
    const auto pattern = Pattern::Parse(text, shape.layers);
    if (!pattern.ok() || !pattern->CheckChannels(shape.channels).ok()) continue;
    if (known.insert(pattern->Expanded()).second) texts.push_back(text);
  }
  return texts;
}

std::vector<std::string> AdvisedWires() { return {kExactWire, "bf16", "int8", "int4+hadamard"}; }

bool HasLateSums(const std::string& pattern) {
  const auto parsed = Pattern::Parse(pattern, 0);
  return parsed.ok() && std::any_of(parsed->blocks().begin(), parsed->blocks().end(),
                                    [](const PatternBlock& block) { return SlackOf(block) > 0; });
}

}  // namespace edgetp
