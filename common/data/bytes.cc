#include "common/data/bytes.h"

#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

static_assert(std::endian::native == std::endian::little);

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

absl::Status WriteAll(const std::string& path, const std::string& bytes) {
  File file(std::fopen(path.c_str(), "wb"), &std::fclose);
  if (file == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("write ", path));
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
  // A full disk may show only when buffers are flushed.
  if (!written || std::fflush(file.get()) != 0 || ::fsync(::fileno(file.get())) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("write ", path));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadWholeFile(const std::string& path, uint64_t limit) {
  std::error_code failed;
  if (std::filesystem::is_directory(path, failed)) {
    return absl::InvalidArgumentError(absl::StrCat("read ", path, ": this is a folder"));
  }
  const File file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (file == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("read ", path));
  std::string bytes;
  std::string piece(1 << 20, '\0');
  while (const size_t got = std::fread(piece.data(), 1, piece.size(), file.get())) {
    bytes.append(piece, 0, got);
    if (bytes.size() > limit) {
      return absl::InvalidArgumentError(
          absl::StrCat("read ", path, ": larger than ", limit, " bytes"));
    }
  }
  if (std::ferror(file.get()) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("read ", path));
  return bytes;
}

absl::Status WriteWholeFile(const std::string& path, const std::string& bytes) {
  const std::string temporary = absl::StrCat(path, ".tmp.", ::getpid());
  absl::Status status = WriteAll(temporary, bytes);
  if (status.ok() && std::rename(temporary.c_str(), path.c_str()) != 0) {
    status = absl::ErrnoToStatus(errno, absl::StrCat("rename ", temporary, " to ", path));
  }
  if (!status.ok()) std::remove(temporary.c_str());
  return status;
}

}  // namespace edgetp
