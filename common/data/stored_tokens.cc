#include "common/data/stored_tokens.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/status_macros.h"
#include "common/data/token_file.h"
#include "common/rpc/digest.h"

namespace edgetp {

absl::StatusOr<std::shared_ptr<const StoredTokens>> StoredTokens::Open(const std::string& path) {
  // A pipe of that name must not keep whoever opens it.
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("read ", path));
  std::shared_ptr<StoredTokens> stored(new StoredTokens(path, file));
  RETURN_IF_ERROR(stored->Map());
  return stored;
}

absl::Status StoredTokens::Map() {
  struct stat facts = {};
  if (::fstat(file_, &facts) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("read ", path_));
  if (!S_ISREG(facts.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("read ", path_, ": this is no file, a file is wanted"));
  }
  bytes_ = static_cast<size_t>(facts.st_size);
  written_ = facts.st_mtim;
  if (bytes_ > 0) {
    void* const mapping = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, file_, 0);
    if (mapping == MAP_FAILED) return absl::ErrnoToStatus(errno, absl::StrCat("map ", path_));
    mapping_ = mapping;
  }
  ASSIGN_OR_RETURN(tokens_, ViewTokens({static_cast<const char*>(mapping_), bytes_}, path_));
  return absl::OkStatus();
}

StoredTokens::~StoredTokens() {
  if (mapping_ != nullptr) ::munmap(mapping_, bytes_);
  ::close(file_);
}

absl::Status StoredTokens::Read(int64_t first, absl::Span<uint16_t> out) const {
  const auto size = static_cast<int64_t>(tokens_.size());
  const auto count = static_cast<int64_t>(out.size());
  if (first < 0 || count > size || first > size - count) {
    return absl::OutOfRangeError(
        absl::StrCat("read ", path_, ": ", count, " tokens from ", first, " on, of ", size));
  }
  const size_t header = bytes_ - 2 * tokens_.size();
  auto* to = reinterpret_cast<char*>(out.data());
  size_t left = 2 * out.size();
  auto at = static_cast<off_t>(header + 2 * first);
  while (left > 0) {
    const ssize_t got = ::pread(file_, to, left, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, absl::StrCat("read ", path_));
    if (got == 0)
      return absl::DataLossError(absl::StrCat("read ", path_, ": the file has become shorter"));
    to += got;
    at += got;
    left -= static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::Status StoredTokens::CheckUnchanged() const {
  struct stat facts = {};
  if (::fstat(file_, &facts) != 0) return absl::ErrnoToStatus(errno, absl::StrCat("read ", path_));
  if (static_cast<size_t>(facts.st_size) == bytes_ && facts.st_mtim.tv_sec == written_.tv_sec &&
      facts.st_mtim.tv_nsec == written_.tv_nsec) {
    return absl::OkStatus();
  }
  return absl::DataLossError(
      absl::StrCat("read ", path_, ": it was written to while a job reads it"));
}

absl::StatusOr<std::string> DigestOfTokens(const StoredTokens& train,
                                           const StoredTokens& validation) {
  constexpr size_t kRanges = 64;
  constexpr size_t kRangeTokens = 2048;  // a page
  Sha256 digest;
  std::vector<uint16_t> part;
  for (const StoredTokens* stored : {&train, &validation}) {
    const std::string size = absl::StrCat(stored->tokens().size(), " ");
    digest.Update(size.data(), size.size());
    for (const TokenRange& range : SpreadRanges(stored->tokens().size(), kRanges, kRangeTokens)) {
      part.resize(range.count);
      RETURN_IF_ERROR(stored->Read(static_cast<int64_t>(range.first), absl::MakeSpan(part)));
      digest.Update(part.data(), 2 * part.size());
    }
  }
  return digest.HexDigest();
}

}  // namespace edgetp
