// The flag with which the build asks a program for its pages: the one way to them, the same for all
// programs.
#pragma once

#include <CLI/CLI.hpp>
#include <vector>

#include "common/help/bash_completion.h"

namespace edgetp {

// --print_page=man|bash: prints the manual page, or the completion for bash, and ends. --help does
// not show it.
void AddPageFlag(CLI::App* app, const std::vector<ListedValue>& listed = {});

}  // namespace edgetp
