// A Chromium or Chrome without a window, for what only a browser can draw: charts of a report. It
// gets files of ours alone. One thread uses an object.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace edgetp {

class Browser {
 public:
  // $CHROME, a program's name or path, else the first of the known names on $PATH.
  // Errors: NotFound with the names that were looked for, and what to install.
  static absl::StatusOr<Browser> Find();

  Browser(Browser&& other) noexcept;
  Browser& operator=(Browser&&) = delete;
  // Removes its folder.
  ~Browser();

  // A folder for the files that it is to open; it keeps its profile there, too.
  const std::string& folder() const { return folder_; }

  // The page at `url` as text, after its scripts have run. `dark`: what it is told that its reader
  // prefers.
  // Errors: Unavailable if it cannot be started or fails, with its last words; DeadlineExceeded;
  // Cancelled at a signal.
  // Blocks until: it has ended, at most `limit`.
  absl::StatusOr<std::string> Dom(const std::string& url, bool dark, absl::Duration limit);

 private:
  Browser(std::string program, std::string folder);
  // Its stdout.
  absl::StatusOr<std::string> Run(const std::vector<std::string>& arguments, absl::Duration limit);

  std::string program_;
  std::string folder_;  // empty: moved from
};

}  // namespace edgetp
