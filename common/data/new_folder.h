// A folder that appears as a whole, or not at all: it is written under another name beside its own,
// and renamed. Whoever is interrupted leaves nothing. One owner.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace edgetp {

class NewFolder {
 public:
  // Begins `<path>.tmp.<process>`; those of processes that are gone are removed first. Commit puts
  // it in place of `path`, which may be missing, or empty, or hold nothing but files of
  // `replaceable`. Errors: AlreadyExists naming what else is there; those of the system.
  static absl::StatusOr<NewFolder> Begin(const std::string& path,
                                         const std::vector<std::string>& replaceable);

  NewFolder(NewFolder&& other) noexcept;
  NewFolder& operator=(NewFolder&&) = delete;
  // Removes what was not committed.
  ~NewFolder();

  // Of a file to be written in it.
  std::string PathOf(const std::string& name) const { return temporary_ + "/" + name; }

  // Errors: those of the system, naming the path; what was there before stays.
  absl::Status Commit();

 private:
  NewFolder(std::string path, std::string temporary);

  std::string path_;
  std::string temporary_;  // empty: committed, or moved from
};

}  // namespace edgetp
