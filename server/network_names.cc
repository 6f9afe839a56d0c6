#include "server/network_names.h"

#include <fcntl.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/rpc/digest.h"

namespace edgetp {
namespace {

// Of what messages meet, whatever it is called and wherever the figures come from.
std::string DigestOf(v1::NetworkProfile network) {
  network.clear_name();
  network.clear_kind();
  network.clear_source();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    network.SerializeToCodedStream(&coded);
  }
  return Sha256Hex(bytes);
}

// An open file that no other process reads or writes meanwhile.
class LockedFile {
 public:
  static absl::StatusOr<LockedFile> Open(const std::string& path) {
    LockedFile file(path, ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    if (file.fd_ < 0 || ::flock(file.fd_, LOCK_EX) != 0) return file.Error();
    return file;
  }
  LockedFile(LockedFile&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}
  LockedFile& operator=(LockedFile&&) = delete;
  ~LockedFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  absl::StatusOr<std::string> Read() const {
    std::string text;
    char buffer[4096];
    while (true) {
      const ssize_t got = ::read(fd_, buffer, sizeof(buffer));
      if (got < 0) return Error();
      if (got == 0) return text;
      text.append(buffer, static_cast<size_t>(got));
    }
  }
  absl::Status Append(const std::string& line) const {
    const ssize_t written = ::write(fd_, line.data(), line.size());
    return written == static_cast<ssize_t>(line.size()) ? absl::OkStatus() : Error();
  }

 private:
  LockedFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  absl::Status Error() const {
    return absl::ErrnoToStatus(errno, absl::StrCat("names of networks ", path_));
  }

  std::string path_;
  int fd_;
};

// By escaped name: a name may hold a line's end.
std::map<std::string, std::string> Digests(const std::string& text) {
  std::map<std::string, std::string> digests;
  for (const auto& line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    digests.emplace(words.second, words.first);
  }
  return digests;
}

}  // namespace

absl::StatusOr<std::string> NetworkNames::NameFor(const v1::NetworkProfile& profile) const {
  std::error_code error;
  std::filesystem::create_directories(root_, error);
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("make ", root_));
  ASSIGN_OR_RETURN(const LockedFile file, LockedFile::Open(root_ + "/.networks"));
  ASSIGN_OR_RETURN(const std::string text, file.Read());
  const std::map<std::string, std::string> digests = Digests(text);
  const std::string digest = DigestOf(profile);
  std::string name = profile.name();
  for (int number = 2;; ++number) {
    const auto known = digests.find(absl::CEscape(name));
    if (known == digests.end()) break;
    if (known->second == digest) return name;
    name = absl::StrCat(profile.name(), "#", number);
  }
  RETURN_IF_ERROR(file.Append(absl::StrCat(digest, " ", absl::CEscape(name), "\n")));
  return name;
}

}  // namespace edgetp
