#include "worker/job/text_stream.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "common/data/utf8.h"

namespace edgetp {
namespace {

constexpr char kReplacement[] = "\xEF\xBF\xBD";  // U+FFFD
constexpr size_t kLongestCharacter = 4;

// How many bytes a character has that begins with this one; 1 if none does.
size_t LengthOf(unsigned char first) {
  if (first >= 0xF0 && first < 0xF8) return 4;
  if (first >= 0xE0 && first < 0xF0) return 3;
  return first >= 0xC0 && first < 0xE0 ? 2 : 1;
}

// Where a character begins that the end of the text cuts; its size if there is none.
size_t WholeCharacters(const std::string& text) {
  for (size_t back = 1; back < std::min(kLongestCharacter, text.size() + 1); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;  // of a character that began before
    return LengthOf(byte) > back ? text.size() - back : text.size();
  }
  return text.size();
}

std::string OnlyUtf8(const std::string& bytes) {
  std::string text;
  for (size_t at = 0; at < bytes.size();) {
    const size_t begin = at;
    if (NextCharacter(bytes, &at).has_value()) {
      text.append(bytes, begin, at - begin);
    } else {
      text += kReplacement;
      at = begin + 1;
    }
  }
  return text;
}

}  // namespace

std::string TextStream::Add(absl::string_view bytes) {
  if (stopped_) return "";
  waiting_.append(bytes.data(), bytes.size());
  size_t end = std::string::npos;
  for (const std::string& stop : stops_) end = std::min(end, waiting_.find(stop));
  if (end == std::string::npos) return Release(waiting_.size() - Doubtful());
  stopped_ = true;
  waiting_.resize(end);
  return Finish();
}

std::string TextStream::Finish() {
  std::string rest = Release(waiting_.size());
  waiting_.clear();
  return rest;
}

std::string TextStream::Release(size_t size) {
  const std::string certain = waiting_.substr(0, WholeCharacters(waiting_.substr(0, size)));
  waiting_.erase(0, certain.size());
  std::string text = OnlyUtf8(certain);
  text_ += text;
  return text;
}

size_t TextStream::Doubtful() const {
  size_t longest = 0;
  for (const std::string& stop : stops_) {
    for (size_t size = std::min(stop.size() - 1, waiting_.size()); size > longest; --size) {
      if (absl::EndsWith(waiting_, absl::string_view(stop).substr(0, size))) longest = size;
    }
  }
  return longest;
}

}  // namespace edgetp
