// Text on its way to tokens: where it is cut, a tokenizer's files, documents, and the manifest of a
// folder.
#include <unistd.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "common/base/files.h"
#include "common/data/bpe.h"
#include "common/data/corpus_manifest.h"
#include "common/data/documents.h"
#include "common/data/pieces.h"
#include "common/data/tokenizer.h"
#include "common/data/utf8.h"
#include "tests/fuzz/fuzz.h"

namespace edgetp {
namespace {

// The 256 bytes, <|endoftext|>, and what these merges make.
BpeFiles SmallTables() {
  BpeFiles files{"vocab.json", "{", "merges.txt", "a a\naa a\nb c\na bc\n"};
  int token = 0;
  int unseen = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool seen = (byte > ' ' && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
    const std::string written = ToUtf8(static_cast<char32_t>(seen ? byte : unseen++));
    absl::StrAppend(&files.vocabulary, "\"", byte == '"' || byte == '\\' ? "\\" : "", written,
                    "\": ", token++, ", ");
  }
  for (const char* made : {"aa", "aaa", "bc", "abc"})
    absl::StrAppend(&files.vocabulary, "\"", made, "\": ", token++, ", ");
  absl::StrAppend(&files.vocabulary, "\"", kEndOfText, "\": ", token, "}");
  return files;
}

void TryEncode(const std::string& text, size_t part) {
  static const Tokenizer* const tokenizer = MakeGpt2Tokenizer(SmallTables()).value().release();
  static const std::vector<std::string>* const texts =
      new std::vector<std::string>(tokenizer->Texts());
  const std::vector<int32_t> tokens = tokenizer->Encode(text).value();
  std::string decoded;
  for (const int32_t token : tokens) decoded += texts->at(token);
  FUZZ_EXPECT(decoded == text);
  const std::unique_ptr<TextEncoder> encoder = tokenizer->NewEncoder();
  std::vector<uint16_t> parts;
  for (size_t at = 0; at < text.size(); at += part)
    FUZZ_EXPECT(encoder->Append(absl::string_view(text).substr(at, part), &parts).ok());
  FUZZ_EXPECT(encoder->Finish(&parts).ok());
  FUZZ_EXPECT(std::vector<int32_t>(parts.begin(), parts.end()) == tokens);
}

// Whatever is handed on is UTF-8.
class Checked final : public DocumentSink {
 public:
  absl::Status Text(absl::string_view part) override {
    for (size_t at = 0; at < part.size();) FUZZ_EXPECT(NextCharacter(part, &at).has_value());
    return absl::OkStatus();
  }
  absl::Status EndDocument() override { return absl::OkStatus(); }
};

void TryDocuments(const std::string& bytes) {
  static const std::string* const path =
      new std::string(absl::StrCat("/tmp/edgetp-text-fuzz.", ::getpid()));
  FUZZ_EXPECT(WriteWholeFile(*path, bytes).ok());
  for (const bool lines : {false, true}) {
    Checked sink;
    const TextSource source{*path, lines, static_cast<int64_t>(bytes.size())};
    const auto digest = ReadDocuments(source, &sink, [](int64_t) { return absl::OkStatus(); });
    if (!digest.ok()) ExpectGoodError(digest.status());
  }
  std::remove(path->c_str());
}

void TryFiles(const std::string& bytes) {
  if (const auto manifest = ParseManifest(bytes, "fuzz"); manifest.ok()) {
    FUZZ_EXPECT(ToJson(ParseManifest(ToJson(*manifest), "fuzz").value()) == ToJson(*manifest));
  } else {
    ExpectGoodError(manifest.status());
  }
  BpeFiles files = SmallTables();
  files.merges = bytes;
  if (const auto bpe = Bpe::Parse(files); !bpe.ok()) ExpectGoodError(bpe.status());
  files.vocabulary = bytes;
  if (const auto bpe = Bpe::Parse(files); !bpe.ok()) ExpectGoodError(bpe.status());
}

}  // namespace
}  // namespace edgetp

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace edgetp;
  FuzzInput input(data, size);
  const size_t part = 1 + input.Byte() % 16;
  const std::string text = input.Text();
  TryEncode(text, part);
  TryDocuments(text);
  TryFiles(text);
  return 0;
}
