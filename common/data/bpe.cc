#include "common/data/bpe.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <queue>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/data/pieces.h"
#include "common/data/token_file.h"
#include "common/data/utf8.h"
#include "common/rpc/digest.h"

namespace edgetp {
namespace {

constexpr int kBytes = 256;
constexpr uint64_t kMaxTableBytes = 64 << 20;  // GPT-2's have 1 MiB and 0.5 MiB
constexpr std::pair<const char*, const char*> kFileNames[] = {{"vocab.json", "merges.txt"},
                                                              {"encoder.json", "vocab.bpe"}};

// GPT-2's files write each byte as a character that can be seen: itself, where it is one, else one
// from U+0100 on.
bool IsSeen(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

// By character; -1: stands for none.
std::vector<int> ByteOfCharacter() {
  std::vector<int> byte_of(2 * kBytes, -1);
  int next = kBytes;
  for (int byte = 0; byte < kBytes; ++byte) byte_of[IsSeen(byte) ? byte : next++] = byte;
  return byte_of;
}

// Nothing where it is not in GPT-2's writing.
std::optional<std::string> ReadBytes(absl::string_view written) {
  static const std::vector<int>* const byte_of = new std::vector<int>(ByteOfCharacter());
  std::string bytes;
  for (size_t at = 0; at < written.size();) {
    const std::optional<char32_t> character = NextCharacter(written, &at);
    if (!character.has_value() || *character >= byte_of->size() || (*byte_of)[*character] < 0)
      return std::nullopt;
    bytes += static_cast<char>((*byte_of)[*character]);
  }
  return bytes;
}

absl::Status InvalidBpe(const std::string& name, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("tokenizer ", name, ": ", what));
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(text), "\"");
}

// Two neighbours that may become one. A higher rank, or one further right, waits.
struct Candidate {
  int rank;
  size_t left;
  int token;
  int left_token;  // what the neighbours were: they may have become something else meanwhile
  int right_token;

  bool operator<(const Candidate& other) const {
    return std::pair(rank, left) > std::pair(other.rank, other.left);
  }
};

}  // namespace

absl::StatusOr<BpeFiles> ReadBpeFiles(const std::string& folder) {
  for (const auto& [vocabulary, merges] : kFileNames) {
    BpeFiles files{.vocabulary_name = absl::StrCat(folder, "/", vocabulary),
                   .merges_name = absl::StrCat(folder, "/", merges)};
    std::error_code ignored;  // what cannot be looked at is not there for us
    if (!std::filesystem::exists(files.vocabulary_name, ignored) ||
        !std::filesystem::exists(files.merges_name, ignored)) {
      continue;
    }
    ASSIGN_OR_RETURN(files.vocabulary, ReadWholeFile(files.vocabulary_name, kMaxTableBytes));
    ASSIGN_OR_RETURN(files.merges, ReadWholeFile(files.merges_name, kMaxTableBytes));
    return files;
  }
  constexpr char kSource[] = "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/";
  return absl::NotFoundError(absl::StrCat(
      "tokenizer ", folder,
      ": neither vocab.json and merges.txt nor encoder.json and vocab.bpe are there; get GPT-2's:\n"
      "  curl --create-dirs -o ",
      folder, "/encoder.json ", kSource,
      "encoder.json\n"
      "  curl --create-dirs -o ",
      folder, "/vocab.bpe ", kSource, "vocab.bpe"));
}

absl::StatusOr<Bpe> Bpe::Parse(const BpeFiles& files) {
  Bpe bpe;
  RETURN_IF_ERROR(bpe.ReadVocabulary(files));
  RETURN_IF_ERROR(bpe.ReadMerges(files));
  RETURN_IF_ERROR(bpe.CheckComplete(files));
  bpe.Digest();
  return bpe;
}

absl::Status Bpe::ReadVocabulary(const BpeFiles& files) {
  const std::string& name = files.vocabulary_name;
  const auto json = nlohmann::json::parse(files.vocabulary, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return InvalidBpe(name, "a JSON object of tokens and numbers is wanted");
  if (json.size() > kMaxVocabulary)
    return InvalidBpe(name, absl::StrCat(json.size(), " tokens: at most 65536 fit 16 bits"));
  bytes_.resize(json.size());
  std::vector<bool> seen(json.size());
  for (const auto& [written, number] : json.items()) {
    const std::optional<std::string> bytes = ReadBytes(written);
    if (!bytes.has_value() || bytes->empty())
      return InvalidBpe(
          name, absl::StrCat("token ", Quoted(written), " is not in GPT-2's writing of bytes"));
    const bool whole = number.is_number_unsigned() && number.get<uint64_t>() < json.size();
    if (!whole || seen[number.get<size_t>()]) {
      return InvalidBpe(
          name, absl::StrCat("token ", Quoted(written), " has the number ", number.dump(), ": ",
                             json.size(), " tokens are numbered from 0, each once"));
    }
    seen[number.get<size_t>()] = true;
    bytes_[number.get<size_t>()] = *bytes;
    token_of_.emplace(*bytes, number.get<int>());
  }
  for (int byte = 0; byte < kBytes; ++byte) {
    const auto found = token_of_.find(std::string(1, static_cast<char>(byte)));
    if (found == token_of_.end())
      return InvalidBpe(
          name, absl::StrCat("byte ", byte, " has no token: this is no byte-level vocabulary"));
    token_of_byte_.push_back(found->second);
  }
  const auto end = token_of_.find(kEndOfText);
  if (end == token_of_.end()) return InvalidBpe(name, absl::StrCat("it has no token ", kEndOfText));
  end_of_text_ = end->second;
  return absl::OkStatus();
}

absl::Status Bpe::ReadMerges(const BpeFiles& files) {
  made_.resize(bytes_.size());
  for (const int token : token_of_byte_) made_[token] = true;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(files.merges, '\n')) {
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || (number == 1 && line.substr(0, 8) == "#version")) continue;
    const std::vector<absl::string_view> pair = absl::StrSplit(line, ' ');
    const absl::Status added =
        pair.size() == 2 ? AddMerge(pair[0], pair[1])
                         : absl::InvalidArgumentError("two tokens and a space are wanted");
    if (!added.ok()) {
      return InvalidBpe(files.merges_name,
                        absl::StrCat("line ", number, ": ", std::string(added.message())));
    }
  }
  return absl::OkStatus();
}

absl::Status Bpe::AddMerge(absl::string_view left, absl::string_view right) {
  const std::optional<std::string> bytes[] = {ReadBytes(left), ReadBytes(right)};
  int tokens[2];
  for (int i = 0; i < 2; ++i) {
    if (!bytes[i].has_value() || bytes[i]->empty())
      return absl::InvalidArgumentError(
          absl::StrCat(Quoted(i == 0 ? left : right), " is not in GPT-2's writing of bytes"));
    const auto found = token_of_.find(*bytes[i]);
    // What is merged before it is made would need another order than that of the ranks.
    if (found == token_of_.end() || !made_[found->second]) {
      return absl::InvalidArgumentError(absl::StrCat(
          Quoted(i == 0 ? left : right),
          found == token_of_.end() ? " is not in the vocabulary" : " is made by no line above",
          ": these merges belong to another vocabulary"));
    }
    tokens[i] = found->second;
  }
  const auto merged = token_of_.find(*bytes[0] + *bytes[1]);
  if (merged == token_of_.end() || merged->second == end_of_text_) {
    return absl::InvalidArgumentError(
        absl::StrCat(Quoted(absl::StrCat(left, right)),
                     " is not in the vocabulary: these merges belong to another vocabulary"));
  }
  const uint32_t key = static_cast<uint32_t>(tokens[0]) << 16 | static_cast<uint32_t>(tokens[1]);
  const Merge merge{static_cast<int>(merges_.size()), merged->second};
  if (!merges_.emplace(key, merge).second)
    return absl::InvalidArgumentError("these two are merged by a line above already");
  made_[merged->second] = true;
  return absl::OkStatus();
}

// Tokens that no merge makes are special ones, of which GPT-2 has a single one. They have a form of
// their own.
absl::Status Bpe::CheckComplete(const BpeFiles& files) const {
  for (size_t token = 0; token < bytes_.size(); ++token) {
    const std::string& bytes = bytes_[token];
    if (made_[token] || (bytes.front() == '<' && bytes.back() == '>')) continue;
    return InvalidBpe(
        files.merges_name,
        absl::StrCat("no line makes token ", token, ", ", Quoted(bytes), " of ",
                     files.vocabulary_name, ": these merges belong to another vocabulary"));
  }
  return absl::OkStatus();
}

void Bpe::Digest() {
  std::vector<std::pair<int, uint32_t>> ranked;
  for (const auto& [key, merge] : merges_) ranked.emplace_back(merge.rank, key);
  std::sort(ranked.begin(), ranked.end());
  Sha256 digest;
  for (const std::string& bytes : bytes_) {
    const std::string line = absl::StrCat(bytes.size(), ":", bytes);
    digest.Update(line.data(), line.size());
  }
  for (const auto& [rank, key] : ranked) {
    const std::string line = absl::StrCat(" ", key);
    digest.Update(line.data(), line.size());
  }
  digest_ = digest.HexDigest();
}

const Bpe::Merge* Bpe::FindMerge(int left, int right) const {
  const auto found = merges_.find(static_cast<uint32_t>(left) << 16 | static_cast<uint32_t>(right));
  return found == merges_.end() ? nullptr : &found->second;
}

// A list of tokens, linked by position, and a heap of the neighbours that can be merged: n log n,
// because a piece may be a line of a million characters.
void Bpe::EncodePiece(absl::string_view piece, std::vector<int32_t>* tokens) const {
  constexpr int kGone = -1;
  const size_t size = piece.size();
  std::vector<int> token(size);
  std::vector<size_t> next(size);
  std::vector<size_t> previous(size);  // of the first one: `size`
  std::priority_queue<Candidate> candidates;
  const auto offer = [&](size_t left) {
    if (left >= size || next[left] >= size) return;
    const int right_token = token[next[left]];
    if (const Merge* merge = FindMerge(token[left], right_token))
      candidates.push({merge->rank, left, merge->token, token[left], right_token});
  };
  for (size_t i = 0; i < size; ++i) {
    token[i] = token_of_byte_[static_cast<unsigned char>(piece[i])];
    next[i] = i + 1;
    previous[i] = i == 0 ? size : i - 1;
  }
  for (size_t i = 0; i < size; ++i) offer(i);
  while (!candidates.empty()) {
    const Candidate best = candidates.top();
    candidates.pop();
    const size_t right = next[best.left];
    if (token[best.left] != best.left_token || right >= size || token[right] != best.right_token)
      continue;
    token[best.left] = best.token;
    token[right] = kGone;
    next[best.left] = next[right];
    if (next[right] < size) previous[next[right]] = best.left;
    offer(previous[best.left]);
    offer(best.left);
  }
  for (size_t i = 0; i < size; i = next[i]) tokens->push_back(token[i]);
}

std::vector<int32_t> Bpe::Encode(absl::string_view text) const {
  std::vector<int32_t> tokens;
  while (!text.empty()) {
    const Piece piece = FirstPiece(text);
    EncodePiece(text.substr(0, piece.bytes), &tokens);
    text.remove_prefix(piece.bytes);
  }
  return tokens;
}

}  // namespace edgetp
