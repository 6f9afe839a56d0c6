#include "cli/shared/command.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/base/status_macros.h"
#include "common/base/suggest.h"
#include "common/collective/segments.h"
#include "common/config/units.h"
#include "common/rpc/security_flags.h"

namespace edgetp {
namespace {

std::vector<std::string> OptionNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

std::vector<std::string> SubcommandNames(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(command->get_name());
  }
  return names;
}

}  // namespace

void AddFormatFlag(CLI::App* command, OutputFormat* format) {
  *format = DefaultFormat();
  const std::map<std::string, OutputFormat> formats = {{"table", OutputFormat::kTable},
                                                       {"json", OutputFormat::kJson}};
  command
      ->add_option_function<std::string>(
          "--format", [format, formats](const std::string& name) { *format = formats.at(name); },
          "table (default on a terminal) or json")
      ->check(OneOf({"table", "json"}));
}

void AddServerFlag(CLI::App* command, ServerFlags* server) {
  server->address = DefaultServer();
  command
      ->add_option("--server", server->address,
                   "HOST:PORT of the cluster's server; default: $EDGETP_SERVER")
      ->capture_default_str();
  AddSecurityFlags(command, Role::kClient, &server->security);
}

CLI::Validator OneOf(const std::vector<std::string>& words) {
  return CLI::Validator(
      [words](std::string& word) -> std::string {
        for (const std::string& known : words) {
          if (word == known) return "";
        }
        return absl::StrCat("invalid value \"", word, "\"", KnownNames(word, words));
      },
      absl::StrCat("{", absl::StrJoin(words, ","), "}"), "one_of");
}

absl::StatusOr<int64_t> ParseAllReduceBytes(const std::string& text) {
  constexpr int64_t kElementBytes = 4;  // float32
  const auto bytes = ParseBytes(text);
  if (!bytes.ok()) return Annotate(bytes.status(), "--bytes");
  if (*bytes >= kElementBytes && *bytes % kElementBytes == 0) return *bytes;
  return absl::InvalidArgumentError(
      absl::StrCat("--bytes: must be a positive multiple of 4, a float32 (got ", text, ")"));
}

absl::StatusOr<int32_t> ParseSlice(const std::string& text) {
  const auto bytes = ParseBytes(text);
  if (!bytes.ok()) return Annotate(bytes.status(), "--slice");
  if (*bytes >= kMinSliceBytes && *bytes <= kMaxSliceBytes) return static_cast<int32_t>(*bytes);
  return absl::InvalidArgumentError(
      absl::StrCat("--slice: must be in [", FormatBytes(kMinSliceBytes), ", ",
                   FormatBytes(kMaxSliceBytes), "] (got ", text, ")"));
}

std::vector<std::string> SameOptions(const CLI::App& from, const CLI::App& to,
                                     const std::vector<std::string>& but) {
  std::vector<std::string> words;
  for (const CLI::Option* option : from.get_options()) {
    const std::string name = option->get_name();
    const bool wanted = option->count() > 0 && to.get_option_no_throw(name) != nullptr &&
                        std::find(but.begin(), but.end(), name) == but.end();
    if (!wanted) continue;
    for (const std::string& value : option->results())
      words.push_back(ShellWord(absl::StrCat(name, "=", value)));
  }
  return words;
}

std::string ShellWord(const std::string& word) {
  const auto plain = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || absl::StrContains("-_=./:,@+%", c);
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  // --option='value' reads better than '--option=value'.
  const size_t equals = absl::StartsWith(word, "--") ? word.find('=') : std::string::npos;
  const size_t begin = equals == std::string::npos ? 0 : equals + 1;
  return absl::StrCat(word.substr(0, begin), "'",
                      absl::StrReplaceAll(word.substr(begin), {{"'", "'\\''"}}), "'");
}

ExitCode Report(const absl::Status& status) {
  absl::FPrintF(stderr, "edgetp: %s\n", std::string(status.message()));
  return ExitCodeOf(status);
}

std::string ExplainParseError(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = &app;
  std::string path = app.get_name();
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    absl::StrAppend(&path, " ", command->get_name());
  }
  const std::vector<std::string> unknown = command->remaining();
  std::string sentence = error.what();
  if (!unknown.empty()) {
    const bool option = absl::StartsWith(unknown[0], "-");
    const std::string word = unknown[0].substr(0, unknown[0].find('='));
    const std::vector<std::string> known =
        option ? OptionNames(*command) : SubcommandNames(*command);
    const std::string closest = ClosestName(word, known);
    sentence =
        absl::StrCat(option ? "unknown option " : "unknown argument ", word,
                     closest.empty() ? "" : absl::StrCat("; did you mean \"", closest, "\"?"));
  }
  return absl::StrCat(path, ": ", sentence, "\nedgetp: see ", path, " --help");
}

}  // namespace edgetp
