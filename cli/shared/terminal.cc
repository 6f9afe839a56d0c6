#include "cli/shared/terminal.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace edgetp {
namespace {

winsize SizeOf(int descriptor) {
  winsize size = {};
  (void)ioctl(descriptor, TIOCGWINSZ, &size);  // zero where it is no terminal
  return size;
}

std::string Variable(const char* name) {
  const char* const value = getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

int TerminalWidth(int descriptor) {
  const int columns = SizeOf(descriptor).ws_col;
  return columns > 0 ? columns : 80;
}

int TerminalHeight(int descriptor) {
  const int rows = SizeOf(descriptor).ws_row;
  return rows > 0 ? rows : 24;
}

bool CanRedraw(int descriptor) { return isatty(descriptor) && Variable("TERM") != "dumb"; }

bool WantsColor(int descriptor) { return CanRedraw(descriptor) && Variable("NO_COLOR").empty(); }

bool HasUnicode() {
  // The first of them that is set decides.
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string locale = absl::AsciiStrToLower(Variable(name));
    if (!locale.empty())
      return absl::StrContains(locale, "utf-8") || absl::StrContains(locale, "utf8");
  }
  return false;
}

}  // namespace edgetp
