#include "common/base/file_kind.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

using namespace std::string_view_literals;

struct Signature {
  std::string_view bytes;
  const char* description;
  const char* advice = "";
  bool torch = false;
  size_t at = 0;
};

constexpr size_t kCertainBytes = 4;

constexpr char kFetchLfs[] = "`git lfs pull` fetches the file itself";
constexpr char kUnpack[] = "unpack it first";

// What people have given where weights, a text, tokens or a profile were wanted. The first that fits
// counts.
constexpr Signature kSignatures[] = {
    {"version https://git-lfs"sv, "a Git LFS pointer", kFetchLfs},
    {"PK\3\4"sv, "a zip archive, as torch.save writes it", "", true},
    {"\x80\2"sv, "a Python pickle, as an old torch.save writes it", "", true},
    {"\x80\3"sv, "a Python pickle"},
    {"\x80\4"sv, "a Python pickle"},
    {"\x80\5"sv, "a Python pickle"},
    {"\x93NUMPY"sv, "a NumPy array (.npy)",
     "write its numbers alone: array.astype('uint16').tofile(...)"},
    {"\x89HDF\r\n"sv, "an HDF5 file"},
    {"GGUF"sv, "a GGUF model of llama.cpp"},
    {"PAR1"sv, "a Parquet table"},
    {"\x1f\x8b"sv, "a gzip archive", kUnpack},
    {"\x28\xb5\x2f\xfd"sv, "a Zstandard archive", kUnpack},
    {"\xfd\x37zXZ"sv, "an xz archive", kUnpack},
    {"BZh"sv, "a bzip2 archive", kUnpack},
    {"7z\xbc\xaf"sv, "a 7z archive", kUnpack},
    {"ustar"sv, "a tar archive", kUnpack, false, 257},
    {"%PDF-"sv, "a PDF"},
    {"\x89PNG"sv, "a PNG image"},
    {"\xff\xd8\xff"sv, "a JPEG image"},
    {"\x7f"
     "ELF"sv,
     "a program"},
    {"SQLite format 3"sv, "an SQLite database"},
    {"\xff\xfe"sv, "UTF-16 text", "convert it: iconv -f UTF-16 -t UTF-8"},
    {"\xfe\xff"sv, "UTF-16 text", "convert it: iconv -f UTF-16 -t UTF-8"},
    {"-----BEGIN "sv, "a PEM file (a certificate or a key)"},
    {"edgetp-corpus"sv, "a corpus as edgetp keeps it for workers"},
};

// After blanks, in any case.
constexpr Signature kTexts[] = {
    {"<!doctype html"sv, "an HTML page", "was a download answered with an error page?"},
    {"<html"sv, "an HTML page", "was a download answered with an error page?"},
    {"<?xml"sv, "XML"},
    {"<"sv, "HTML or XML"},
    {"{"sv, kJson},
    {"["sv, kJson},
};

bool StartsWithAt(const std::string& start, const Signature& signature) {
  return start.size() >= signature.at + signature.bytes.size() &&
         std::equal(signature.bytes.begin(), signature.bytes.end(), start.begin() + signature.at);
}

// A size, then a JSON object: the header of safetensors.
bool IsSafetensors(const std::string& start) {
  constexpr size_t kSizeBytes = 8;
  return start.size() > kSizeBytes && start[kSizeBytes] == '{' && start[kSizeBytes - 1] == '\0';
}

// Two lines that are one whole number each.
bool IsTrace(const std::string& start) {
  const auto digit = [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); };
  size_t at = 0;
  for (int line = 0; line < 2; ++line) {
    const size_t begin = at;
    while (at < start.size() && digit(start[at])) ++at;
    if (at == begin || at - begin > 10) return false;
    if (at < start.size() && start[at] == '\r') ++at;
    if (at == start.size() || start[at] != '\n') return false;
    ++at;
  }
  return true;
}

}  // namespace

FileKind RecogniseFile(const std::string& start) {
  if (IsSafetensors(start)) return {kSafetensors, ""};
  for (const Signature& signature : kSignatures) {
    if (StartsWithAt(start, signature))
      return {signature.description, signature.advice, signature.torch,
              signature.bytes.size() >= kCertainBytes};
  }
  const std::string text = absl::AsciiStrToLower(
      std::string(absl::StripLeadingAsciiWhitespace(start.substr(0, kKindBytes))));
  for (const Signature& signature : kTexts) {
    if (StartsWithAt(text, signature)) return {signature.description, signature.advice};
  }
  if (IsTrace(start)) return {kTrace, ""};
  return {};
}

std::string LooksLike(const std::string& start) {
  const FileKind kind = RecogniseFile(start);
  if (kind.description.empty()) return "";
  return absl::StrCat(": this looks like ", kind.description, kind.advice.empty() ? "" : "; ",
                      kind.advice);
}

std::string TorchConversion(const std::string& path) {
  const size_t dot = path.find_last_of("./");
  const std::string stem =
      dot != std::string::npos && path[dot] == '.' ? path.substr(0, dot) : path;
  return absl::StrCat(
      "python3 -c \"import torch, safetensors.torch as s; c = torch.load('", path,
      "', map_location='cpu'); a = c.get('model_args'); s.save_file({k: "
      "v.contiguous().clone() for k, v in c.get('model', c).items()}, '",
      stem, ".safetensors', a and {'edgetp.heads': str(a['n_head']), 'edgetp.gelu': 'erf'})\"");
}

}  // namespace edgetp
