// The manual page of a program, in the language of man(7). Pure.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace edgetp {

// All that --help shows, of every command. A footer's "Heading:" with the indented lines below it
// becomes a section, and what follows them a paragraph. `version`: "0.1.0".
std::string ManPage(const CLI::App& app, const std::string& version);

}  // namespace edgetp
