// What the terminal behind a file descriptor can show.
#pragma once

namespace edgetp {

// In columns; 80 where nobody says.
int TerminalWidth(int descriptor);
// In lines; 24 where nobody says.
int TerminalHeight(int descriptor);

// Whether what was drawn can be drawn over: a terminal, and no dumb one.
bool CanRedraw(int descriptor);

// A terminal, unless $NO_COLOR is set (https://no-color.org) or it is a dumb one.
bool WantsColor(int descriptor);

// Whether the locale's characters are UTF-8.
bool HasUnicode();

}  // namespace edgetp
