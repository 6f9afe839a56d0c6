#include "common/config/device_mix.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

absl::StatusOr<DevicePart> ParsePart(const std::string& text) {
  const size_t star = text.rfind('*');
  DevicePart part{text.substr(0, star), std::nullopt};
  if (star != std::string::npos) {
    int count = 0;
    if (!absl::SimpleAtoi(text.substr(star + 1), &count) || count < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", text, "\": after '*' must stand how many ranks, at least 1"));
    }
    part.count = count;
  }
  if (part.name.empty()) return absl::InvalidArgumentError("a device has no name");
  return part;
}

}  // namespace

absl::StatusOr<std::vector<DevicePart>> ParseDeviceMix(const std::string& text) {
  std::vector<DevicePart> parts;
  const std::vector<std::string> words = absl::StrSplit(text, '+');
  for (const std::string& word : words) {
    ASSIGN_OR_RETURN(DevicePart part, ParsePart(word));
    if (words.size() > 1 && !part.count.has_value()) part.count = 1;
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace edgetp
