// What the page's form sends, as the words of `edgetp network set`. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/config/network_words.h"

namespace edgetp {

// `body`: one JSON object of strings, each a flag of `edgetp network set` without its dashes, or
// "name". Empty ones were left alone.
// Errors: InvalidArgument naming the key and the rule.
absl::StatusOr<NetworkWords> ParseTuningWords(const std::string& body);

// A form must not name files of the server's host, as the command line may of its own.
// Errors: InvalidArgument with the known names.
absl::Status CheckIsPreset(const std::string& name, const ConfigLibrary& library);

}  // namespace edgetp
