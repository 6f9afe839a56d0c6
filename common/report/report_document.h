// What `edgetp report` knows of its runs, as one JSON document (docs/formats.md): the page draws it,
// and so may others. Pure.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/report/run_record.h"
#include "common/report/step_picture.h"

namespace edgetp {

struct DocumentOptions {
  // Of all curves together.
  size_t max_points = 40'000;
  // PictureOf, or what remembers its answers.
  std::function<absl::StatusOr<StepPicture>(const v1::RunConfig&, const PictureOptions&)> picture =
      &PictureOf;
  // For each group's simulated step: asked now and then; true ends it, and the group has no
  // timeline. Starts anew with each group.
  std::function<std::function<bool()>()> stop = [] { return [] { return false; }; };
};

// Curves have about `max_points` points together, so that a page stays small: of a longer run,
// those that keep its look (downsample.h), and every evaluation.
nlohmann::json ReportDocument(const std::vector<RunRecord>& runs, const DocumentOptions& options);

// One line, UTF-8 whatever the files held.
std::string ToText(const nlohmann::json& document);

}  // namespace edgetp
