// edgetp bench decode: what a token costs through the whole production path.
#pragma once

#include <CLI/CLI.hpp>

#include "cli/shared/command.h"

namespace edgetp {

void AddBenchDecode(CLI::App* bench, Command* command);

}  // namespace edgetp
