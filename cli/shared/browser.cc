#include "cli/shared/browser.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/shared/child_process.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/rpc/signals.h"

namespace edgetp {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPrograms[] = {"chromium", "chromium-browser", "google-chrome",
                                     "google-chrome-stable", "chrome"};
// Of the page's own clock, which runs ahead while nothing is to do: until its pictures are decoded.
constexpr char kPageTime[] = "--virtual-time-budget=10000";
constexpr absl::Duration kLookInterval = absl::Milliseconds(50);
// Of a page that we made: some megabytes of data, and libraries.
constexpr uint64_t kMaxOutputBytes = 256 << 20;

// The path of a program: a name is looked for on $PATH. Empty: there is none.
std::string PathOf(const std::string& program) {
  if (program.find('/') != std::string::npos)
    return access(program.c_str(), X_OK) == 0 ? program : "";
  const char* path = getenv("PATH");
  for (const std::string& folder :
       std::vector<std::string>(absl::StrSplit(path == nullptr ? "" : path, ':'))) {
    const std::string found = absl::StrCat(folder, "/", program);
    if (!folder.empty() && access(found.c_str(), X_OK) == 0) return found;
  }
  return "";
}

absl::StatusOr<std::string> FindProgram() {
  const char* asked = getenv("CHROME");
  if (asked != nullptr && *asked != '\0') {
    if (std::string path = PathOf(asked); !path.empty()) return path;
    return absl::NotFoundError(absl::StrCat("$CHROME=", asked, ": no such program"));
  }
  for (const char* name : kPrograms) {
    if (std::string path = PathOf(name); !path.empty()) return path;
  }
  return absl::NotFoundError(absl::StrCat("no browser on $PATH (", absl::StrJoin(kPrograms, ", "),
                                          "): install one (Debian: chromium), or set $CHROME"));
}

absl::StatusOr<std::string> MakeFolder() {
  std::error_code error;
  const fs::path base = fs::temp_directory_path(error);
  if (error) return absl::ErrnoToStatus(error.value(), "make a folder for the browser");
  std::string folder = (base / "edgetp-chart-XXXXXX").string();
  if (mkdtemp(folder.data()) != nullptr) return folder;
  return absl::ErrnoToStatus(errno,
                             absl::StrCat("make a folder for the browser in ", base.string()));
}

}  // namespace

Browser::Browser(std::string program, std::string folder)
    : program_(std::move(program)), folder_(std::move(folder)) {}

Browser::Browser(Browser&& other) noexcept
    : program_(std::move(other.program_)), folder_(std::exchange(other.folder_, "")) {}

Browser::~Browser() {
  std::error_code ignored;  // it is a folder for temporary files
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

absl::StatusOr<Browser> Browser::Find() {
  ASSIGN_OR_RETURN(std::string program, FindProgram());
  ASSIGN_OR_RETURN(std::string folder, MakeFolder());
  return Browser(std::move(program), std::move(folder));
}

absl::StatusOr<std::string> Browser::Run(const std::vector<std::string>& arguments,
                                         absl::Duration limit) {
  const std::string output = folder_ + "/stdout";
  // The shell becomes the browser: its complaints must not stand between the lines of its answer.
  std::vector<std::string> all = {"/bin/sh",
                                  "-c",
                                  R"(out="$1"; shift; exec "$@" >"$out")",
                                  "sh",
                                  output,
                                  program_,
                                  "--headless",
                                  "--disable-gpu",
                                  "--disable-background-networking",
                                  "--no-first-run",
                                  "--hide-scrollbars",
                                  absl::StrCat("--user-data-dir=", folder_, "/profile")};
  // It refuses root without. What it opens is ours.
  if (geteuid() == 0) all.push_back("--no-sandbox");
  all.insert(all.end(), arguments.begin(), arguments.end());
  ASSIGN_OR_RETURN(ChildProcess child, ChildProcess::Start("browser", all, folder_ + "/stderr"));
  const absl::Time deadline = MonotonicNow() + limit;
  while (!child.WaitUntil(std::min(deadline, MonotonicNow() + kLookInterval))) {
    const bool interrupted = ShutdownSignal() != 0;
    if (!interrupted && MonotonicNow() < deadline) continue;
    // It is not reaped yet, so its group is its own: its helpers go with it.
    kill(-child.pid(), SIGKILL);
    if (interrupted) return absl::CancelledError("interrupted");
    return absl::DeadlineExceededError(absl::StrCat(
        program_, ": not done within ", absl::FormatDuration(limit), "; it was killed"));
  }
  if (const std::string end = *child.Ended(); end != "exited with code 0")
    return absl::UnavailableError(absl::StrCat(program_, ": ", end, ": ", child.LastLines(1)));
  return ReadWholeFile(output, kMaxOutputBytes);
}

absl::StatusOr<std::string> Browser::Dom(const std::string& url, bool dark, absl::Duration limit) {
  // Whatever this desktop prefers.
  return Run(
      {dark ? "--blink-settings=preferredColorScheme=0" : "--blink-settings=preferredColorScheme=1",
       kPageTime, "--dump-dom", url},
      limit);
}

}  // namespace edgetp
