#include "common/data/token_writer.h"

#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"

namespace edgetp {

absl::StatusOr<TokenWriter> TokenWriter::Open(const std::string& path) {
  File file(std::fopen(path.c_str(), "wbe"), &std::fclose);
  if (file == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("write ", path));
  constexpr size_t kBufferBytes = 1 << 20;
  std::setvbuf(file.get(), nullptr, _IOFBF, kBufferBytes);
  return TokenWriter(path, std::move(file));
}

absl::Status TokenWriter::Write(absl::Span<const uint16_t> tokens) {
  if (tokens.empty()) return absl::OkStatus();  // of no text; its data may be null
  tokens_ += static_cast<int64_t>(tokens.size());
  if (std::fwrite(tokens.data(), sizeof(uint16_t), tokens.size(), file_.get()) == tokens.size())
    return absl::OkStatus();
  return Failed();
}

absl::Status TokenWriter::Finish() {
  // A full disk may show only when buffers are flushed.
  if (std::fflush(file_.get()) == 0 && ::fsync(::fileno(file_.get())) == 0) return absl::OkStatus();
  return Failed();
}

absl::Status TokenWriter::Failed() const {
  return absl::ErrnoToStatus(errno, absl::StrCat("write ", path_));
}

}  // namespace edgetp
