#include "common/config/hardware.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace edgetp {
namespace {

constexpr char kCpu[] = "cpu";
constexpr char kCuda[] = "cuda";
constexpr char kCudaPrefix[] = "cuda:";
constexpr char kEveryGpu[] = "cuda:*";

bool IsNumbered(const std::string& name) {
  const std::string prefix = kCudaPrefix;
  return absl::StartsWith(name, prefix) && name.size() > prefix.size() &&
         name.find_first_not_of("0123456789", prefix.size()) == std::string::npos;
}

absl::Status NotHere(const std::string& word, const std::vector<std::string>& present) {
  return absl::InvalidArgumentError(absl::StrCat(
      "--device: ", word, " is not on this host: it has ", absl::StrJoin(present, ", ")));
}

absl::Status Expand(const std::string& word, const std::vector<std::string>& present,
                    std::vector<std::string>* devices) {
  if (!IsHardware(word)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--device: \"", word, "\" is none of cpu, cuda, cuda:N and cuda:*"));
  }
  const size_t before = devices->size();
  const std::string name = word == kCuda ? absl::StrCat(kCudaPrefix, 0) : word;
  std::copy_if(present.begin(), present.end(), std::back_inserter(*devices),
               [&](const std::string& device) {
                 return word == kEveryGpu ? IsNumbered(device) : device == name;
               });
  return devices->size() > before ? absl::OkStatus() : NotHere(word, present);
}

}  // namespace

bool IsHardware(const std::string& name) {
  return name == kCpu || name == kCuda || name == kEveryGpu || IsNumbered(name);
}

absl::StatusOr<std::vector<std::string>> ExpandHardware(const std::string& list,
                                                        const std::vector<std::string>& present) {
  std::vector<std::string> devices;
  for (const std::string& word : std::vector<std::string>(absl::StrSplit(list, ','))) {
    if (absl::Status status = Expand(word, present, &devices); !status.ok()) return status;
  }
  return devices;
}

}  // namespace edgetp
