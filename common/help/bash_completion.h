// A script for bash that completes a program's commands, options and values. Pure.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace edgetp {

// Values of a kind that only the program can list at the time they are typed, such as presets:
// those of the options whose value is called `value`, e.g. "MODEL".
struct ListedValue {
  std::string value;
  std::string arguments;  // with which the program prints them, one a line: "completion models"
};

// Everything that --help shows can be completed: commands, options, values out of a fixed list, and
// those of `listed`. Where nothing is known, bash completes names of files.
std::string BashCompletion(const CLI::App& app, const std::vector<ListedValue>& listed);

}  // namespace edgetp
