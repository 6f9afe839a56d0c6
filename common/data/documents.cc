#include "common/data/documents.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/base/file_kind.h"
#include "common/base/status_macros.h"
#include "common/data/utf8.h"
#include "common/rpc/digest.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPartBytes = 1 << 20;
constexpr size_t kMaxLineBytes = 256 << 20;
constexpr char kTextKey[] = "text";

bool IsLines(const fs::path& path) {
  return path.extension() == ".jsonl" || path.extension() == ".ndjson";
}

bool IsText(const fs::path& path) {
  const std::string end = path.extension().string();
  return IsLines(path) || end == ".txt" || end == ".text" || end == ".md";
}

bool IsHidden(const fs::path& path) { return path.filename().string().front() == '.'; }

absl::Status InvalidText(const std::string& place, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("text ", place, ": ", what));
}

absl::StatusOr<TextSource> SourceAt(const fs::path& path) {
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  if (error) return InvalidText(path.string(), error.message());
  return TextSource{path.string(), IsLines(path), static_cast<int64_t>(bytes)};
}

absl::StatusOr<std::vector<std::string>> TextsOf(const std::string& folder,
                                                 const fs::path& except) {
  std::vector<std::string> paths;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;  // what cannot be looked at fails when it is read
    if (IsHidden(entry->path()) || fs::weakly_canonical(entry->path(), ignored) == except) {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file(ignored) && IsText(entry->path())) {
      paths.push_back(entry->path().string());
    }
  }
  if (error) return InvalidText(folder, error.message());
  if (paths.empty())
    return InvalidText(folder,
                       "no file of this folder ends in .txt, .text, .md, .jsonl or .ndjson");
  std::sort(paths.begin(), paths.end());
  return paths;
}

// What a file's bytes go to.
class Format {
 public:
  virtual ~Format() = default;
  virtual absl::Status Add(absl::string_view bytes) = 0;
  virtual absl::Status End() = 0;
};

class PlainText final : public Format {
 public:
  PlainText(const std::string& path, DocumentSink* sink) : path_(path), sink_(sink) {}

  absl::Status Add(absl::string_view bytes) override {
    pending_.append(bytes.data(), bytes.size());
    return Take(/*last=*/false);
  }
  absl::Status End() override {
    RETURN_IF_ERROR(Take(/*last=*/true));
    return sink_->EndDocument();
  }

 private:
  // Hands on the whole characters.
  absl::Status Take(bool last) {
    constexpr size_t kMaxCharacterBytes = 4;
    size_t at = 0;
    while (at < pending_.size()) {
      const size_t begin = at;
      if (NextCharacter(pending_, &at).has_value()) continue;
      at = begin;
      if (!last && pending_.size() - begin < kMaxCharacterBytes) break;  // more of it may come
      return InvalidText(
          absl::StrCat(path_, ", byte ", taken_ + static_cast<int64_t>(begin) + 1),
          absl::StrCat("not UTF-8 text", LooksLike(start_ + pending_.substr(0, kKindBytes))));
    }
    if (start_.size() < kKindBytes) start_ += pending_.substr(0, std::min(at, kKindBytes));
    RETURN_IF_ERROR(sink_->Text(absl::string_view(pending_).substr(0, at)));
    taken_ += static_cast<int64_t>(at);
    pending_.erase(0, at);
    return absl::OkStatus();
  }

  const std::string& path_;
  DocumentSink* const sink_;
  std::string pending_;
  std::string start_;  // of the file: tells what it is instead
  int64_t taken_ = 0;
};

class JsonLines final : public Format {
 public:
  JsonLines(const std::string& path, DocumentSink* sink) : path_(path), sink_(sink) {}

  absl::Status Add(absl::string_view bytes) override {
    while (!bytes.empty()) {
      const size_t end = std::min(bytes.find('\n'), bytes.size());
      if (line_.size() + end > kMaxLineBytes) return Fault("more than 256 MiB in a line");
      line_.append(bytes.data(), end);
      if (end == bytes.size()) break;
      RETURN_IF_ERROR(TakeLine());
      bytes.remove_prefix(end + 1);
    }
    return absl::OkStatus();
  }
  absl::Status End() override { return TakeLine(); }

 private:
  absl::Status TakeLine() {
    const bool blank = line_.find_first_not_of(" \t\r") == std::string::npos;
    if (!blank) {
      const auto json = nlohmann::json::parse(line_, nullptr, /*allow_exceptions=*/false);
      if (json.is_discarded())
        return Fault("not JSON in UTF-8" + LooksLike(line_.substr(0, kKindBytes)));
      const auto text = json.is_object() ? json.find(kTextKey) : json.end();
      if (text == json.end() || !text->is_string())
        return Fault("a JSON object with a string \"text\" is wanted");
      RETURN_IF_ERROR(sink_->Text(text->get_ref<const std::string&>()));
      RETURN_IF_ERROR(sink_->EndDocument());
    }
    ++number_;
    line_.clear();
    return absl::OkStatus();
  }
  absl::Status Fault(const std::string& what) const {
    return InvalidText(absl::StrCat(path_, ", line ", number_), what);
  }

  const std::string& path_;
  DocumentSink* const sink_;
  std::string line_;
  int64_t number_ = 1;
};

}  // namespace

absl::StatusOr<std::vector<TextSource>> FindTexts(const std::vector<std::string>& paths,
                                                  const std::string& except) {
  std::vector<TextSource> sources;
  std::error_code ignored;  // a folder that is not there yet has no files
  const fs::path left_out = fs::weakly_canonical(except, ignored);
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::exists(path, error))
      return absl::NotFoundError(absl::StrCat("text ", path, ": not there"));
    std::vector<std::string> files = {path};
    if (fs::is_directory(path, error)) {
      ASSIGN_OR_RETURN(files, TextsOf(path, left_out));
    }
    for (const std::string& file : files) {
      ASSIGN_OR_RETURN(TextSource source, SourceAt(file));
      sources.push_back(std::move(source));
    }
  }
  if (sources.empty()) return absl::InvalidArgumentError("prepare: a text is wanted");
  return sources;
}

absl::StatusOr<std::string> ReadDocuments(const TextSource& source, DocumentSink* sink,
                                          const ReadBytesCallback& read) {
  const std::string attempt = absl::StrCat("read ", source.path);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(source.path.c_str(), "rbe"),
                                                             &std::fclose);
  if (file == nullptr) return absl::ErrnoToStatus(errno, attempt);
  std::unique_ptr<Format> format;
  if (source.lines) {
    format = std::make_unique<JsonLines>(source.path, sink);
  } else {
    format = std::make_unique<PlainText>(source.path, sink);
  }
  Sha256 digest;
  std::string part(kPartBytes, '\0');
  while (const size_t got = std::fread(part.data(), 1, part.size(), file.get())) {
    digest.Update(part.data(), got);
    RETURN_IF_ERROR(format->Add(absl::string_view(part).substr(0, got)));
    RETURN_IF_ERROR(read(static_cast<int64_t>(got)));
  }
  if (std::ferror(file.get()) != 0) return absl::ErrnoToStatus(errno, attempt);
  RETURN_IF_ERROR(format->End());
  return digest.HexDigest();
}

}  // namespace edgetp
