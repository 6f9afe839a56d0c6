#include "common/base/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

// A file is sent in so much at once: it is read as fast as in larger ones.
constexpr uint64_t kSendBytes = 1 << 20;

class MemoryBytes final : public ByteSource {
 public:
  explicit MemoryBytes(std::string bytes) : bytes_(std::move(bytes)) {}
  uint64_t size() const override { return bytes_.size(); }
  absl::Status Read(uint64_t offset, absl::Span<char> out) const override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset)
      return absl::OutOfRangeError(absl::StrCat("read ", out.size(), " bytes from byte ", offset,
                                                " on: there are ", bytes_.size()));
    std::copy_n(bytes_.data() + offset, out.size(), out.data());
    return absl::OkStatus();
  }

 private:
  const std::string bytes_;
};

class FileBytes final : public ByteSource {
 public:
  FileBytes(std::string path, int file, uint64_t size)
      : path_(std::move(path)), file_(file), size_(size) {}
  ~FileBytes() override { ::close(file_); }
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  uint64_t size() const override { return size_; }
  absl::Status Read(uint64_t offset, absl::Span<char> out) const override {
    while (!out.empty()) {
      const ssize_t got = ::pread(file_, out.data(), out.size(), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return absl::ErrnoToStatus(errno, absl::StrCat("read ", path_));
      if (got == 0) {
        return absl::OutOfRangeError(absl::StrCat("read ", path_, ": it ends at byte ", offset,
                                                  ", ", out.size(), " bytes before it should"));
      }
      offset += static_cast<uint64_t>(got);
      out.remove_prefix(static_cast<size_t>(got));
    }
    return absl::OkStatus();
  }

 private:
  const std::string path_;
  const int file_;
  const uint64_t size_;
};

}  // namespace

std::shared_ptr<const ByteSource> BytesInMemory(std::string bytes) {
  return std::make_shared<MemoryBytes>(std::move(bytes));
}

absl::StatusOr<std::shared_ptr<const ByteSource>> OpenFileBytes(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("read ", path));
  struct stat status;
  if (::fstat(file, &status) != 0) {
    const int error = errno;
    ::close(file);
    return absl::ErrnoToStatus(error, absl::StrCat("read ", path));
  }
  auto bytes = std::make_shared<FileBytes>(path, file, static_cast<uint64_t>(status.st_size));
  if (S_ISDIR(status.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("read ", path, ": this is a folder, a file is wanted"));
  }
  return std::shared_ptr<const ByteSource>(std::move(bytes));
}

ByteStream StreamOf(std::shared_ptr<const ByteSource> source) {
  const uint64_t size = source->size();
  return {size, [source = std::move(source), size](const ByteSink& sink) -> absl::Status {
            std::string piece;
            for (uint64_t at = 0; at < size; at += piece.size()) {
              piece.resize(std::min(kSendBytes, size - at));
              RETURN_IF_ERROR(source->Read(at, absl::MakeSpan(piece.data(), piece.size())));
              RETURN_IF_ERROR(sink(piece));
            }
            return absl::OkStatus();
          }};
}

absl::StatusOr<std::string> Collect(const ByteStream& stream) {
  std::string bytes;
  bytes.reserve(stream.size);
  RETURN_IF_ERROR(stream.send([&bytes](absl::string_view piece) {
    bytes.append(piece.data(), piece.size());
    return absl::OkStatus();
  }));
  return bytes;
}

}  // namespace edgetp
