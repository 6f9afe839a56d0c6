// The page of `edgetp report`: one HTML file with its styles, scripts, charts' library and data
// within, so that it opens from disk and asks no network for anything. Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace edgetp {

// `document`: of ReportDocument. Its text is data wherever it stands: nothing in it can become
// markup or script.
std::string ReportPage(const nlohmann::json& document);

}  // namespace edgetp
