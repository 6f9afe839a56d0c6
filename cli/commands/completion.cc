// edgetp completion: the script with which bash completes commands, options and values, and the
// names that it asks for where a preset's is wanted.
#include <memory>
#include <string>
#include <vector>

#include "cli/shared/command.h"
#include "cli/shared/preset_values.h"
#include "common/config/load.h"
#include "common/help/bash_completion.h"

namespace edgetp {
namespace {

constexpr char kCompletionExamples[] = R"(Examples:
  edgetp completion bash
  edgetp completion networks
Where no package has installed it, write in ~/.bashrc: source <(edgetp completion bash))";

constexpr char kBash[] = "bash";

struct CompletionFlags {
  std::string what;
  std::string config_path;
};

std::vector<std::string> KnownWords() {
  std::vector<std::string> words = {kBash};
  for (const PresetValue& preset : kPresetValues) words.push_back(preset.plural);
  return words;
}

ExitCode Run(const CLI::App& app, const CompletionFlags& flags) {
  if (flags.what == kBash) {
    Print(BashCompletion(app, ListedPresets()));
    return kExitDone;
  }
  const ConfigLibrary library = ConfigLibrary::Default(flags.config_path);
  for (const PresetValue& preset : kPresetValues) {
    if (flags.what != preset.plural) continue;
    for (const std::string& name : library.Names(preset.kind)) Print(name + "\n");
  }
  return kExitDone;
}

}  // namespace

void AddCompletion(CLI::App& app, Command* command) {
  auto flags = std::make_shared<CompletionFlags>();
  CLI::App* completion =
      app.add_subcommand("completion", "What a shell needs to complete commands and names");
  completion
      ->add_option("what", flags->what,
                   "bash: the script for that shell; else the names of presets, one a line")
      ->check(OneOf(KnownWords()))
      ->required();
  completion->add_option("--config_path", flags->config_path,
                         "folders to search for presets, separated by ':'");
  completion->footer(kCompletionExamples);
  completion->callback(
      [flags, command, &app] { *command = [flags, &app] { return Run(app, *flags); }; });
}

}  // namespace edgetp
