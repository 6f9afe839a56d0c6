// Turns --data into a corpus. Used by the command line; reads files and, for `auto` alone, the
// network.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/data/corpus.h"

namespace edgetp {

// What `auto` tries, in this order.
struct DataSources {
  std::vector<std::string> files;  // texts; the first that exists is taken
  std::string url;                 // fetched by the curl program; empty: not tried
  std::string sha256;              // of what the URL must give, hex
  std::string cache;               // where a fetched text is kept; a failure to keep it is no error
  std::string licence_folder;      // texts that every Debian machine has
};

// Tiny Shakespeare: a local copy, else the well-known URL, else licence texts.
DataSources DefaultDataSources();

struct ResolvedData {
  Corpus corpus;
  std::string origin;  // path or URL, for the record
  std::string notice;  // what the user should know: other data than expected; empty: nothing
};

// `data` is a path (Corpus::Load), "auto", or the origin that an earlier call gave: the same text
// again.
// Blocks until: read; for `auto` at most half a minute longer, for the network.
// Errors: those of Corpus::Load; NotFound if `auto` finds nothing, saying what was tried.
absl::StatusOr<ResolvedData> ResolveData(const std::string& data, const DataSources& sources);

}  // namespace edgetp
