// A CLI11 tree as pages and completion show it: what can be typed after a command, in one form. The
// tree is the only source: whatever a program accepts is on its page. Used by man_page and
// bash_completion.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace edgetp {

struct OptionText {
  std::vector<std::string> names;  // "-h", "--help"; of an argument without a dash: its name alone
  bool positional = false;
  bool repeats = false;
  std::string value;               // what stands for it: "MODEL", "INT"; empty: a flag
  std::vector<std::string> words;  // all that it may be; empty: anything
  std::string rule;                // what else it must be: "INT in [1 - 1024]"
  std::string text;
  std::string default_value;
  std::string variable;  // of the environment
};

// Those that --help shows, in its order.
std::vector<OptionText> VisibleOptions(const CLI::App& app);
std::vector<const CLI::App*> VisibleCommands(const CLI::App& app);

// Calls `visit` for an app and everything below it, each with its path: "edgetp network set".
void VisitCommands(const CLI::App& app,
                   const std::function<void(const std::string& path, const CLI::App&)>& visit);

}  // namespace edgetp
