#include "common/data/new_folder.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

constexpr char kTemporary[] = ".tmp.";

absl::Status Failed(const std::string& attempt, const std::error_code& error) {
  return absl::ErrnoToStatus(error.value(), attempt);
}

absl::Status CheckReplaceable(const fs::path& path, const std::vector<std::string>& replaceable) {
  std::error_code error;
  if (!fs::exists(path, error)) return absl::OkStatus();
  if (!fs::is_directory(path, error))
    return absl::AlreadyExistsError(
        absl::StrCat(path.string(), ": this is a file, a folder is wanted"));
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    if (std::find(replaceable.begin(), replaceable.end(), name) != replaceable.end()) continue;
    return absl::AlreadyExistsError(
        absl::StrCat(path.string(), ": the folder has ", name,
                     ", which edgetp did not write: name another folder, or remove it"));
  }
  return error ? Failed(absl::StrCat("read ", path.string()), error) : absl::OkStatus();
}

// What a process that was killed could not remove.
void RemoveAbandoned(const fs::path& path) {
  const std::string prefix = path.filename().string() + kTemporary;
  std::error_code ignored;  // what cannot be removed stays: it harms nobody but the disk
  for (const auto& entry : fs::directory_iterator(path.parent_path(), ignored)) {
    const std::string name = entry.path().filename().string();
    pid_t process = 0;
    if (!absl::StartsWith(name, prefix) ||
        !absl::SimpleAtoi(name.substr(prefix.size()), &process) || process <= 0)
      continue;
    if (::kill(process, 0) != 0 && errno == ESRCH) fs::remove_all(entry.path(), ignored);
  }
}

}  // namespace

absl::StatusOr<NewFolder> NewFolder::Begin(const std::string& path,
                                           const std::vector<std::string>& replaceable) {
  std::error_code error;
  fs::path full = fs::absolute(path, error).lexically_normal();
  if (!full.has_filename()) full = full.parent_path();  // "folder/"
  RETURN_IF_ERROR(CheckReplaceable(full, replaceable));
  fs::create_directories(full.parent_path(), error);
  if (error) return Failed(absl::StrCat("create ", full.parent_path().string()), error);
  RemoveAbandoned(full);
  NewFolder folder(full.string(), absl::StrCat(full.string(), kTemporary, ::getpid()));
  fs::remove_all(folder.temporary_, error);  // of a process that had our number
  fs::create_directory(folder.temporary_, error);
  if (error) return Failed(absl::StrCat("create ", folder.temporary_), error);
  return folder;
}

NewFolder::NewFolder(std::string path, std::string temporary)
    : path_(std::move(path)), temporary_(std::move(temporary)) {}

NewFolder::NewFolder(NewFolder&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::exchange(other.temporary_, "")) {}

NewFolder::~NewFolder() {
  std::error_code ignored;  // nobody is left to tell
  if (!temporary_.empty()) fs::remove_all(temporary_, ignored);
}

absl::Status NewFolder::Commit() {
  // Both at once, so that there is no moment without a folder; the old one is removed then.
  if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) == 0) {
    std::error_code ignored;  // the new folder is in its place
    fs::remove_all(temporary_, ignored);
    temporary_.clear();
    return absl::OkStatus();
  }
  // There is none to exchange, or a file system that cannot: then an empty one is replaced alone.
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("rename ", temporary_, " to ", path_));
  temporary_.clear();
  return absl::OkStatus();
}

}  // namespace edgetp
