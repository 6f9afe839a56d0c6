#include "common/rpc/digest.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstdio>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace edgetp {
namespace {

constexpr size_t kReadBytes = 1 << 20;

}  // namespace

void Sha256::Deleter::operator()(void* context) const {
  EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context));
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_.get()), EVP_sha256(), nullptr);
}

void Sha256::Update(const void* data, size_t size) {
  EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_.get()), data, size);
}

std::string Sha256::HexDigest() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_.get()), digest, &size);
  std::string hex;
  for (unsigned int i = 0; i < size; ++i)
    absl::StrAppend(&hex, absl::Hex(digest[i], absl::kZeroPad2));
  return hex;
}

std::string Sha256Hex(const std::string& bytes) {
  Sha256 digest;
  digest.Update(bytes.data(), bytes.size());
  return digest.HexDigest();
}

absl::StatusOr<std::string> Sha256Hex(const ByteStream& bytes) {
  Sha256 digest;
  RETURN_IF_ERROR(bytes.send([&digest](absl::string_view piece) {
    digest.Update(piece.data(), piece.size());
    return absl::OkStatus();
  }));
  return digest.HexDigest();
}

absl::StatusOr<std::string> Sha256HexOfFile(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             &std::fclose);
  if (file == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("open ", path));
  Sha256 digest;
  std::vector<char> buffer(kReadBytes);
  while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    digest.Update(buffer.data(), got);
  }
  if (std::ferror(file.get()) != 0)
    return absl::DataLossError(absl::StrCat("read ", path, ": failed"));
  return digest.HexDigest();
}

std::string BlobIdOf(const std::string& bytes) { return absl::StrCat("sha256:", Sha256Hex(bytes)); }

absl::StatusOr<std::string> BlobIdOf(const ByteStream& bytes) {
  ASSIGN_OR_RETURN(const std::string sha256, Sha256Hex(bytes));
  return absl::StrCat("sha256:", sha256);
}

bool IsSha256Hex(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace edgetp
