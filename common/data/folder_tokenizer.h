// The tokenizer of a folder that `edgetp prepare` wrote, from the files that it has put there.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/data/tokenizer.h"

namespace edgetp {

// Errors: NotFound if the folder has no manifest or lacks the files; those of ReadManifest and of
// the tokenizer; DataLoss if the files are not those any more that the manifest names.
absl::StatusOr<std::unique_ptr<Tokenizer>> LoadFolderTokenizer(const std::string& folder);

}  // namespace edgetp
