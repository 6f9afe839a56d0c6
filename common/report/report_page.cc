#include "common/report/report_page.h"

#include "absl/strings/str_replace.h"
#include "common/report/page_assets.h"
#include "common/report/report_document.h"

namespace edgetp {
namespace {

// JSON within <script>: "</script>" or "<!--" would end or bend it. In a JSON string, \u003c is '<'.
std::string WithinScript(const std::string& json) {
  return absl::StrReplaceAll(json, {{"<", "\\u003c"}});
}

}  // namespace

std::string ReportPage(const nlohmann::json& document) {
  // The data comes last, and nothing is replaced within it.
  const std::string frame = absl::StrReplaceAll(kPageFrame, {{"{{style}}", kPageStyle},
                                                             {"{{licences}}", kPageLicences},
                                                             {"{{library}}", kPageLibrary},
                                                             {"{{script}}", kPageScript}});
  const std::string mark = "{{data}}";
  const size_t place = frame.find(mark);
  return frame.substr(0, place) + WithinScript(ToText(document)) +
         frame.substr(place + mark.size());
}

}  // namespace edgetp
