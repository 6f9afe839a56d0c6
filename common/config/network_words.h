// A change of the network in words, as `edgetp network set` and the form of the live page take it.
// One parser, so that both refuse the same with the same sentence.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/config/link_flags.h"
#include "common/config/load.h"
#include "edgetp/v1/control.pb.h"

namespace edgetp {

// As typed; empty or absent: not asked for.
struct NetworkWords {
  std::string name;                 // of a profile; else the one in force is changed
  std::string link;                 // "0:1", "0:*", "*:1"; else every link
  std::string partition;            // "0,1:2,3", or "none"
  std::optional<std::string> span;  // "10s": for how long
  LinkFlags options;
};

// What is asked of the server. It knows what the changes are meant for: between a look at the
// network and an answer to it, somebody else may have changed it. `library` finds the profile.
// Errors: InvalidArgument naming the flag, its value and the rule; those of ConfigLibrary::Network.
absl::StatusOr<v1::SetNetworkRequest> ToSetNetworkRequest(const NetworkWords& words,
                                                          const ConfigLibrary& library);

}  // namespace edgetp
