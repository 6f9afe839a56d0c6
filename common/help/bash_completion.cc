#include "common/help/bash_completion.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/help/option_text.h"

namespace edgetp {
namespace {

// Bash takes "--network=lte" apart at its '=' and hands out three words. Values of lists
// ("wifi-5,lte") and of mixtures ("raspberry-pi-5*2+jetson-nano") are completed after their last
// separator.
constexpr char kFunction[] = R"script(
_NAME() {
  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD - 1]}"
  local path='NAME' option='' before='' at
  for ((at = 1; at < COMP_CWORD; at++)); do
    [[ "$_NAME_commands" == *"|$path ${COMP_WORDS[at]}|"* ]] && path+=" ${COMP_WORDS[at]}"
  done
  if [[ "$current" == '=' ]]; then
    option="$previous" current=''
  elif [[ "$previous" == '=' ]]; then
    option="${COMP_WORDS[COMP_CWORD - 2]}"
  elif [[ "$_NAME_takes_value" == *"|$path $previous|"* ]]; then
    option="$previous"
  fi
  [[ -z "$option" ]] || before="${current%"${current##*[,+]}"}"
  local words="$(_NAME_words "$1" "$path${option:+ $option}")"
  COMPREPLY=($(compgen -P "$before" -W "$words" -- "${current#"$before"}"))
  # The value follows at once.
  if [[ "${COMPREPLY[*]}" == *= ]]; then compopt -o nospace 2>/dev/null; fi
}
complete -o bashdefault -o default -F _NAME NAME
)script";

// What a shell function prints for one value of its argument.
struct Case {
  std::vector<std::string> labels;
  std::vector<std::string> words;
  std::string asks;  // arguments of the program that prints more; empty: none
};

class Script {
 public:
  Script(const std::vector<ListedValue>& listed) : listed_(listed) {}

  void Add(const std::string& path, const CLI::App& app) {
    commands_.push_back(path);
    Case after{{path}, {}, ""};
    for (const CLI::App* command : VisibleCommands(app)) after.words.push_back(command->get_name());
    for (const OptionText& option : VisibleOptions(app)) {
      if (option.positional) {
        after.asks = ArgumentsFor(option.value);
      } else {
        AddOption(path, option, &after);
      }
    }
    cases_.push_back(std::move(after));
  }

  std::string Text(const std::string& name) const {
    return absl::StrCat("_", name, "_commands='|", absl::StrJoin(commands_, "|"), "|'\n_", name,
                        "_takes_value='|", absl::StrJoin(takes_value_, "|"), "|'\n\n",
                        "# $1: the program; $2: what stands before the word\n_", name,
                        "_words() {\n  case \"$2\" in\n", absl::StrJoin(cases_, "", &AppendCase),
                        "  esac\n}\n", absl::StrReplaceAll(kFunction, {{"NAME", name}}));
  }

 private:
  std::string ArgumentsFor(const std::string& value) const {
    for (const ListedValue& known : listed_) {
      if (known.value == value) return known.arguments;
    }
    return "";
  }

  void AddOption(const std::string& path, const OptionText& option, Case* after) {
    Case values{{}, option.words, ArgumentsFor(option.value)};
    const std::string equals = option.value.empty() ? "" : "=";
    for (const std::string& name : option.names) {
      if (absl::StartsWith(name, "--")) after->words.push_back(name + equals);
      if (!option.value.empty()) values.labels.push_back(absl::StrCat(path, " ", name));
    }
    takes_value_.insert(takes_value_.end(), values.labels.begin(), values.labels.end());
    const bool knows = !values.words.empty() || !values.asks.empty();
    if (knows) cases_.push_back(std::move(values));
  }

  static void AppendCase(std::string* out, const Case& one) {
    absl::StrAppend(out, "    '", absl::StrJoin(one.labels, "' | '"), "')\n");
    if (!one.words.empty())
      absl::StrAppend(out, "      echo '", absl::StrJoin(one.words, " "), "'\n");
    if (!one.asks.empty()) absl::StrAppend(out, "      \"$1\" ", one.asks, " 2>/dev/null\n");
    absl::StrAppend(out, "      ;;\n");
  }

  const std::vector<ListedValue>& listed_;
  std::vector<std::string> commands_;
  std::vector<std::string> takes_value_;
  std::vector<Case> cases_;
};

}  // namespace

std::string BashCompletion(const CLI::App& app, const std::vector<ListedValue>& listed) {
  Script script(listed);
  VisitCommands(app, [&script](const std::string& path, const CLI::App& command) {
    script.Add(path, command);
  });
  return absl::StrCat("# Completion for bash of ", app.get_name(),
                      ", made by the program itself from its options.\n",
                      script.Text(app.get_name()));
}

}  // namespace edgetp
