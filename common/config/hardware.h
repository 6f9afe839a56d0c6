// What a worker computes on, as people write it: "cpu", "cuda" (the same as "cuda:0"), "cuda:1",
// "cuda:*" (every GPU there is), or several of them, separated by commas. As opposed to a device
// *profile*, which says what compute is paced to. Pure; used by the command line and by workers.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace edgetp {

// Whether `name` is one of the words above, and no list. Everything else names a profile.
bool IsHardware(const std::string& name);

// `list` as devices among `present` ("cpu", "cuda:0", ...), in the order of the list.
// Errors: InvalidArgument naming the word that is none, or not present, and what is.
absl::StatusOr<std::vector<std::string>> ExpandHardware(const std::string& list,
                                                        const std::vector<std::string>& present);

}  // namespace edgetp
