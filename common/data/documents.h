// Texts as documents: a text file is one, a file of JSON lines has one per line. Files are read in
// parts, so they may be larger than memory. Used by `edgetp prepare`.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace edgetp {

struct TextSource {
  std::string path;
  bool lines = false;  // JSON lines (.jsonl, .ndjson): the key "text" of each is a document
  int64_t bytes = 0;
};

// The files among `paths`, and those of its folders, however deep, that end in .txt, .text, .md,
// .jsonl or .ndjson, in the order of their names; what is hidden or lies in `except` is left out.
// Errors: NotFound naming a path; InvalidArgument: a folder without texts, no path at all.
absl::StatusOr<std::vector<TextSource>> FindTexts(const std::vector<std::string>& paths,
                                                  const std::string& except);

// Where documents go.
class DocumentSink {
 public:
  virtual ~DocumentSink() = default;
  // More of the document: UTF-8, cut between two characters.
  virtual absl::Status Text(absl::string_view part) = 0;
  virtual absl::Status EndDocument() = 0;
};

// Told how many more bytes of the file were read. An error ends the reading with it.
using ReadBytesCallback = std::function<absl::Status(int64_t bytes)>;

// Blocks until: the file is read. Returns its SHA-256, hex.
// Errors: those of the system; InvalidArgument naming file and byte: not UTF-8; naming file and
// line: no JSON object with a string "text", a line of more than 256 MiB; those of the sink and of
// `read`.
absl::StatusOr<std::string> ReadDocuments(const TextSource& source, DocumentSink* sink,
                                          const ReadBytesCallback& read);

}  // namespace edgetp
