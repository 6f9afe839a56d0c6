#include "server/page/tuning_words.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/suggest.h"

namespace edgetp {
namespace {

using nlohmann::json;

// Where each word goes.
std::map<std::string, std::optional<std::string>*> Places(NetworkWords* words) {
  LinkFlags& link = words->options;
  return {{"for", &words->span},   {"delay", &link.delay}, {"jitter", &link.jitter},
          {"rate", &link.rate},    {"loss", &link.loss},   {"header_share", &link.header_share},
          {"window", &link.window}};
}

absl::Status SetWord(const std::string& key, const json& value, NetworkWords* words) {
  std::map<std::string, std::string*> texts = {
      {"name", &words->name}, {"link", &words->link}, {"partition", &words->partition}};
  auto options = Places(words);
  if (!value.is_string())
    return absl::InvalidArgumentError(absl::StrCat(key, ": must be a string"));
  const std::string text = value.get<std::string>();
  if (texts.count(key) > 0) {
    *texts[key] = text;
    return absl::OkStatus();
  }
  if (options.count(key) > 0) {
    if (!text.empty()) *options[key] = text;
    return absl::OkStatus();
  }
  std::vector<std::string> known;
  for (const auto& [name, place] : texts) known.push_back(name);
  for (const auto& [name, place] : options) known.push_back(name);
  return absl::InvalidArgumentError(
      absl::StrCat("unknown key \"", key, "\"", KnownNames(key, known)));
}

}  // namespace

absl::StatusOr<NetworkWords> ParseTuningWords(const std::string& body) {
  const json object = json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::InvalidArgumentError("must be one JSON object");
  NetworkWords words;
  for (const auto& [key, value] : object.items()) {
    if (const absl::Status status = SetWord(key, value, &words); !status.ok()) return status;
  }
  return words;
}

absl::Status CheckIsPreset(const std::string& name, const ConfigLibrary& library) {
  const std::vector<std::string> names = library.Names(ConfigKind::kNetwork);
  if (name.empty() || std::find(names.begin(), names.end(), name) != names.end())
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("network \"", name, "\": no such profile", KnownNames(name, names)));
}

}  // namespace edgetp
