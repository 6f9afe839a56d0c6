// Which network a name stands for in a directory of runs: two different networks never share one
// there, whoever made the runs, so that what is grouped by name is not mixed. Kept in
// <runs>/.networks, one "<sha256> <name>" per line. Not thread-safe; processes may share a root.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "edgetp/v1/config.pb.h"

namespace edgetp {

class NetworkNames {
 public:
  explicit NetworkNames(std::string root) : root_(std::move(root)) {}

  // The profile's own name, or, where that stands for another network here, with a number:
  // "wifi-5#2". The profile's defaults are filled; its source and kind make no other network of it.
  // Errors: what the file system says.
  absl::StatusOr<std::string> NameFor(const v1::NetworkProfile& profile) const;

 private:
  const std::string root_;
};

}  // namespace edgetp
