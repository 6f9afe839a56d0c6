// A request to the live page: whatever it says, it is answered, and nothing changes without the
// page's own address, its own header, and words that the command line would take.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "server/page/live_page.h"
#include "server/page/page_rules.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace edgetp;

// "METHOD\nPATH\nname: value\n...\n\nBODY", as CivetWeb would hand it over.
HttpRequest ParseRequest(const std::string& text) {
  HttpRequest request;
  std::string* const heads[] = {&request.method, &request.path};
  size_t begin = 0;
  for (int line = 0; begin < text.size(); ++line) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    begin = end + 1;
    if (line < 2) {
      *heads[line] = part;
    } else if (part.empty()) {
      break;
    } else if (const size_t colon = part.find(": "); colon != std::string::npos) {
      request.headers[absl::AsciiStrToLower(part.substr(0, colon))] = part.substr(colon + 2);
    }
  }
  if (begin < text.size()) request.body = text.substr(begin);
  return request;
}

bool changed = false;

LivePage& Page() {
  static auto* const page = new LivePage(
      {.allow_tuning = true, .runs = "/nonexistent", .library = ConfigLibrary(std::vector<std::string>{"configs"})},
      {.picture = [] { return ClusterPicture(); },
       .set_network =
           [](const v1::SetNetworkRequest& request) {
             FUZZ_EXPECT(request.has_network() || request.has_patch());
             changed = true;
             return absl::StatusOr<v1::NetworkProfile>(v1::NetworkProfile());
           }});
  return *page;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const HttpRequest request = ParseRequest(FuzzInput(data, size).Text());
  changed = false;
  const HttpResponse response = Page().Answer(request);
  FUZZ_EXPECT(response.status >= 200 && response.status < 500);
  FUZZ_EXPECT(!response.headers.empty());
  if (response.status >= 400) {
    const auto error = nlohmann::json::parse(*response.body);  // throws where it is no JSON
    FUZZ_EXPECT(!error["error"].get<std::string>().empty());
  }
  if (changed) {
    FUZZ_EXPECT(response.status == 200 && request.method == "POST");
    FUZZ_EXPECT(CheckHost(request, {}).ok() && CheckOwnOrigin(request).ok());
  }
  return 0;
}
