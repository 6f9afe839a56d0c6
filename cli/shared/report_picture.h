// One chart of a report as a file for papers and READMEs: `edgetp report --chart=... --svg, --png`.
// The page draws it, in a browser.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace edgetp {

// The charts of the page (web/report), by the ids of their cards.
const std::vector<std::string>& ChartNames();

struct PictureFlags {
  std::string chart;  // of ChartNames()
  int width = 900;    // CSS pixels; a PNG has twice as many
  bool dark = false;  // colours for a dark page
  std::optional<std::string> svg;
  std::optional<std::string> png;
};

// Whether the pictures may be written there, before anything is read.
// Errors: InvalidArgument unless the names end in .svg and .png, or if another kind of file is there.
absl::Status CheckPictures(const PictureFlags& wanted);

// Draws the chart of a report's document (ReportDocument) and writes the files.
// Errors: those of Browser; InvalidArgument if the runs are of several models or clocks, or, in the
// page's words, if they have nothing that the chart could show; those of WriteWholeFile.
absl::Status WritePictures(const nlohmann::json& document, const PictureFlags& wanted);

}  // namespace edgetp
