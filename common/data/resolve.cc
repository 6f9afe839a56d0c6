#include "common/data/resolve.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/rpc/digest.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

constexpr char kAuto[] = "auto";
// A dozen times the size of Tiny Shakespeare.
constexpr uint64_t kMaxTextBytes = 16 << 20;

// The bytes behind `url`, or nothing: no curl, no network, an error of the server.
std::optional<std::string> Fetch(const std::string& url) {
  if (absl::StrContains(url, "'"))
    return std::nullopt;  // it goes through a shell, in single quotes
  const std::string command = absl::StrCat(
      "curl --silent --fail --location --connect-timeout 5 --max-time 30 --max-filesize ",
      kMaxTextBytes, " '", url, "' 2>/dev/null");
  std::FILE* pipe = ::popen(command.c_str(), "re");
  if (pipe == nullptr) return std::nullopt;
  std::string bytes;
  std::string piece(1 << 16, '\0');
  while (const size_t got = std::fread(piece.data(), 1, piece.size(), pipe))
    bytes.append(piece, 0, got);
  if (::pclose(pipe) != 0) return std::nullopt;
  return bytes;
}

void Keep(const std::string& path, const std::string& bytes) {
  if (path.empty()) return;
  std::error_code ignored;  // a read-only folder costs one more download, no more
  fs::create_directories(fs::path(path).parent_path(), ignored);
  WriteWholeFile(path, bytes).IgnoreError();  // as above
}

absl::StatusOr<ResolvedData> FromUrl(const DataSources& sources) {
  const std::optional<std::string> bytes = Fetch(sources.url);
  if (!bytes.has_value())
    return absl::UnavailableError(absl::StrCat(sources.url, " could not be fetched"));
  if (const std::string got = Sha256Hex(*bytes); got != sources.sha256) {
    return absl::DataLossError(absl::StrCat(sources.url, " gave other bytes (sha256=", got, ")"));
  }
  Keep(sources.cache, *bytes);
  ASSIGN_OR_RETURN(Corpus corpus, Corpus::FromText(*bytes));
  return ResolvedData{std::move(corpus), sources.url, ""};
}

absl::StatusOr<ResolvedData> FromLicences(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code ignored;  // a folder that is not there has no files
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    // Links name other files of the folder: GPL is GPL-3.
    if (entry.is_regular_file(ignored) && !entry.is_symlink(ignored))
      paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  std::string text;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(path, kMaxTextBytes));
    if (Corpus::FromText(bytes).ok()) text += bytes;  // leaves out what is not UTF-8
  }
  if (text.empty()) return absl::NotFoundError(absl::StrCat("no licence texts in ", folder));
  ASSIGN_OR_RETURN(Corpus corpus, Corpus::FromText(text));
  return ResolvedData{std::move(corpus), folder, ""};
}

absl::StatusOr<ResolvedData> ResolveAuto(const DataSources& sources) {
  for (const std::string& path : sources.files) {
    std::error_code ignored;
    if (!fs::exists(path, ignored)) continue;
    ASSIGN_OR_RETURN(Corpus corpus, Corpus::Load(path));
    return ResolvedData{std::move(corpus), path, ""};
  }
  std::string tried = absl::StrCat("no ", absl::StrJoin(sources.files, ", no "));
  if (!sources.url.empty()) {
    auto fetched = FromUrl(sources);
    if (fetched.ok()) return fetched;
    absl::StrAppend(&tried, "; ", std::string(fetched.status().message()));
  }
  auto licences = FromLicences(sources.licence_folder);
  if (!licences.ok()) {
    return absl::NotFoundError(absl::StrCat("data auto: found nothing (", tried, "; ",
                                            std::string(licences.status().message()),
                                            "): give --data=FILE"));
  }
  licences->notice = absl::StrCat("NOT Tiny Shakespeare: training on the licence texts of ",
                                  sources.licence_folder, " (", tried,
                                  "). Losses cannot be compared with those of the documentation.");
  return licences;
}

}  // namespace

DataSources DefaultDataSources() {
  return {.files = {"data/tinyshakespeare.txt", "../shared/data/tinyshakespeare.txt"},
          .url =
              "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"
              "input.txt",
          .sha256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
          .cache = "data/tinyshakespeare.txt",
          .licence_folder = "/usr/share/common-licenses"};
}

absl::StatusOr<ResolvedData> ResolveData(const std::string& data, const DataSources& sources) {
  if (data == kAuto || data == sources.url) return ResolveAuto(sources);
  if (data == sources.licence_folder) return FromLicences(sources.licence_folder);
  ASSIGN_OR_RETURN(Corpus corpus, Corpus::Load(data));
  return ResolvedData{std::move(corpus), data, ""};
}

}  // namespace edgetp
