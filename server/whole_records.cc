#include "server/whole_records.h"

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace edgetp {

WholeRecords::WholeRecords(std::string path, File file, int64_t bytes)
    : path_(std::move(path)), file_(std::move(file)), bytes_(bytes) {}

absl::StatusOr<WholeRecords> WholeRecords::Open(const std::string& path, int64_t keep) {
  File file(std::fopen(path.c_str(), "ab"), &std::fclose);
  if (file == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("open ", path));
  std::error_code error;
  std::filesystem::resize_file(path, keep, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("open ", path));
  // Written whole or not at all: see Append.
  std::setbuf(file.get(), nullptr);
  return WholeRecords(path, std::move(file), keep);
}

absl::Status WholeRecords::Append(const std::string& record) {
  if (std::fwrite(record.data(), 1, record.size(), file_.get()) == record.size()) {
    bytes_ += static_cast<int64_t>(record.size());
    return absl::OkStatus();
  }
  const absl::Status status = absl::ErrnoToStatus(errno, absl::StrCat("write ", path_));
  std::error_code ignored;  // the file is readable up to there all the same
  std::filesystem::resize_file(path_, bytes_, ignored);
  return status;
}

}  // namespace edgetp
