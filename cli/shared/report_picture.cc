#include "cli/shared/report_picture.h"

#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "cli/shared/browser.h"
#include "cli/shared/report_file.h"
#include "common/base/files.h"
#include "common/base/status_macros.h"
#include "common/report/report_page.h"

namespace edgetp {
namespace {

// Far more than a browser takes on a busy board.
constexpr absl::Duration kLimit = absl::Minutes(2);
constexpr int kScale = 2;  // pixels of a PNG to a CSS pixel: sharp on dense screens and on paper
constexpr char kMark[] = "<!-- edgetp report -->\n";  // of the files that are ours
constexpr char kPngStart[] = "\x89PNG\r\n\x1a\n";

// What stands between <pre id="ID"> and its end in the text of a page; absent: there is no such
// element.
std::optional<std::string> TextOf(const std::string& dom, const std::string& id) {
  const std::string begin = absl::StrCat("<pre id=\"", id, "\">");
  const size_t at = dom.find(begin);
  if (at == std::string::npos) return std::nullopt;
  const size_t from = at + begin.size();
  const std::string text = dom.substr(from, dom.find("</pre>", from) - from);
  return absl::StrReplaceAll(text,
                             {{"&lt;", "<"}, {"&gt;", ">"}, {"&amp;", "&"}, {"&nbsp;", "\u00a0"}});
}

std::string FileUrl(const std::string& path) {
  std::string url = "file://";
  for (const char c : path) {
    const bool plain = absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                       absl::string_view("/-_.~").find(c) != absl::string_view::npos;
    absl::StrAppend(
        &url, plain ? std::string(1, c) : absl::StrFormat("%%%02X", static_cast<unsigned char>(c)));
  }
  return url;
}

struct Drawing {
  std::string svg;
  std::string png;
};

absl::StatusOr<Drawing> Draw(const nlohmann::json& document, const PictureFlags& wanted) {
  ASSIGN_OR_RETURN(Browser browser, Browser::Find());
  const std::string page = browser.folder() + "/report.html";
  RETURN_IF_ERROR(WriteWholeFile(page, ReportPage(document)));
  const std::string url = absl::StrCat(FileUrl(page), "#picture=", wanted.chart,
                                       "&width=", wanted.width, "&scale=", kScale);
  ASSIGN_OR_RETURN(const std::string dom, browser.Dom(url, wanted.dark, kLimit));
  if (const auto reason = TextOf(dom, "reason"))
    return absl::InvalidArgumentError(absl::StrCat("--chart=", wanted.chart, ": ", *reason));
  const auto svg = TextOf(dom, "drawing");
  const auto pixels = TextOf(dom, "pixels");
  Drawing drawing;
  if (!svg.has_value() || !pixels.has_value() || !absl::Base64Unescape(*pixels, &drawing.png))
    return absl::InternalError(absl::StrCat("--chart=", wanted.chart, ": the page drew nothing"));
  drawing.svg = absl::StrCat(kMark, *svg, "\n");
  return drawing;
}

absl::Status CheckPicture(const std::string& flag, const std::optional<std::string>& file,
                          const std::string& ending, const std::string& start) {
  if (!file.has_value()) return absl::OkStatus();
  if (absl::EndsWith(*file, ending)) return CheckOurs("chart", *file, start);
  return absl::InvalidArgumentError(
      absl::StrCat(flag, ": must end in ", ending, " (got ", *file, ")"));
}

// A picture has no filters: what must not be compared must not be in it.
// Errors: InvalidArgument with the values.
absl::Status CheckOneOf(const nlohmann::json& document, const std::string& key) {
  std::set<std::string> values;
  for (const nlohmann::json& run : document["runs"])
    values.insert(run["summary"].value(key, "unknown"));
  if (values.size() == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("--chart: the runs differ in their ", key, " (",
                                                 absl::StrJoin(values, ", "),
                                                 ") and cannot be compared: name runs of one"));
}

}  // namespace

const std::vector<std::string>& ChartNames() {
  static const auto* const names = new std::vector<std::string>{
      "loss-steps", "loss-time", "time-to-loss", "step-time", "sync-loss",
      "timeline",   "fidelity",  "bytes",        "energy"};
  return *names;
}

absl::Status CheckPictures(const PictureFlags& wanted) {
  RETURN_IF_ERROR(CheckPicture("--svg", wanted.svg, ".svg", kMark));
  // Any PNG: it has no place for a mark that every program keeps.
  return CheckPicture("--png", wanted.png, ".png", kPngStart);
}

absl::Status WritePictures(const nlohmann::json& document, const PictureFlags& wanted) {
  for (const char* key : {"model", "clock"}) RETURN_IF_ERROR(CheckOneOf(document, key));
  ASSIGN_OR_RETURN(const Drawing drawing, Draw(document, wanted));
  if (wanted.svg.has_value()) RETURN_IF_ERROR(WriteWholeFile(*wanted.svg, drawing.svg));
  return wanted.png.has_value() ? WriteWholeFile(*wanted.png, drawing.png) : absl::OkStatus();
}

}  // namespace edgetp
