#include "common/base/files.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

constexpr size_t kReadBytes = 1 << 20;

absl::Status WriteAll(const std::string& path, const ByteStream& bytes) {
  File file(std::fopen(path.c_str(), "wb"), &std::fclose);
  if (file == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("write ", path));
  RETURN_IF_ERROR(bytes.send([&](absl::string_view piece) {
    if (std::fwrite(piece.data(), 1, piece.size(), file.get()) == piece.size())
      return absl::OkStatus();
    return absl::ErrnoToStatus(errno, absl::StrCat("write ", path));
  }));
  // A full disk may show only when buffers are flushed.
  if (std::fflush(file.get()) != 0 || ::fsync(::fileno(file.get())) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("write ", path));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFileRange(const std::string& path, uint64_t offset,
                                          uint64_t bytes) {
  std::error_code failed;
  if (std::filesystem::is_directory(path, failed)) {
    return absl::InvalidArgumentError(
        absl::StrCat("read ", path, ": this is a folder, a file is wanted"));
  }
  const File file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (file == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("read ", path));
  if (fseeko(file.get(), static_cast<off_t>(offset), SEEK_SET) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat("read ", path));
  std::string start;
  // Piece by piece: `bytes` is a limit, the file may be a few bytes long.
  while (start.size() < bytes) {
    const size_t at = start.size();
    start.resize(at + std::min<uint64_t>(kReadBytes, bytes - at));
    const size_t got = std::fread(start.data() + at, 1, start.size() - at, file.get());
    start.resize(at + got);
    if (got == 0) break;
  }
  if (std::ferror(file.get()) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("read ", path));
  return start;
}

absl::StatusOr<std::string> ReadFileStart(const std::string& path, uint64_t bytes) {
  return ReadFileRange(path, 0, bytes);
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, uint64_t limit) {
  ASSIGN_OR_RETURN(std::string bytes, ReadFileStart(path, limit + 1));
  if (bytes.size() <= limit) return bytes;
  constexpr uint64_t kMiB = 1 << 20;
  return absl::InvalidArgumentError(absl::StrCat("read ", path, ": larger than ",
                                                 limit < kMiB ? limit : limit / kMiB,
                                                 limit < kMiB ? " bytes" : " MiB"));
}

absl::Status WriteFileStream(const std::string& path, const ByteStream& bytes) {
  const std::string temporary = absl::StrCat(path, ".tmp.", ::getpid());
  absl::Status status = WriteAll(temporary, bytes);
  if (status.ok() && std::rename(temporary.c_str(), path.c_str()) != 0) {
    status = absl::ErrnoToStatus(errno, absl::StrCat("rename ", temporary, " to ", path));
  }
  if (!status.ok()) std::remove(temporary.c_str());
  return status;
}

absl::Status WriteWholeFile(const std::string& path, const std::string& bytes) {
  return WriteFileStream(path, {bytes.size(), [&](const ByteSink& sink) { return sink(bytes); }});
}

}  // namespace edgetp
