// A file that grows by whole records: lines of metrics, events of TensorBoard. A record that does
// not fit, where the disk becomes full, leaves nothing behind, so that the file stays readable. One
// owner.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace edgetp {

class WholeRecords {
 public:
  // Makes the file, or goes on after its first `keep` bytes; what is behind them goes.
  // Errors: those of the system, naming the path.
  static absl::StatusOr<WholeRecords> Open(const std::string& path, int64_t keep);

  // All of it, flushed to the system, or nothing.
  // Errors: those of the system, naming the path.
  absl::Status Append(const std::string& record);

 private:
  using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

  WholeRecords(std::string path, File file, int64_t bytes);

  std::string path_;
  File file_;
  int64_t bytes_;
};

}  // namespace edgetp
