#include "server/page/page_rules.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

// "example.org:8080" without its port, in lower case; of "[::1]:8080" the address.
std::string HostOf(const std::string& header) {
  const size_t bracket = header.find(']');
  const size_t colon = header.find(':', bracket == std::string::npos ? 0 : bracket);
  const std::string host = absl::AsciiStrToLower(header.substr(0, colon));
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  return brackets ? host.substr(1, host.size() - 2) : host;
}

bool IsAddress(const std::string& host) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

absl::Status Foreign(const std::string& header, const std::string& rule) {
  return absl::PermissionDeniedError(absl::StrCat(header, ": ", rule));
}

}  // namespace

absl::Status CheckHost(const HttpRequest& request, const std::vector<std::string>& hosts) {
  const std::string* const header = request.Header("host");
  if (header == nullptr) return absl::InvalidArgumentError("Host: a request must have one");
  const std::string host = HostOf(*header);
  const auto is_host = [&host](const std::string& name) {
    return absl::AsciiStrToLower(name) == host;
  };
  if (IsAddress(host) || host == "localhost" || std::any_of(hosts.begin(), hosts.end(), is_host))
    return absl::OkStatus();
  return Foreign("Host", absl::StrCat("the page answers to IP addresses, to localhost and to the "
                                      "names of --page_host (got \"",
                                      host, "\")"));
}

absl::Status CheckOwnOrigin(const HttpRequest& request) {
  if (request.Header(kIntentHeader) == nullptr)
    return Foreign(kIntentHeader, "is missing: changes are made by the page itself");
  const std::string* const host = request.Header("host");
  const std::string* const origin = request.Header("origin");
  // By https where a proxy stands before the page.
  const bool own = origin != nullptr && host != nullptr &&
                   (*origin == "http://" + *host || *origin == "https://" + *host);
  if (!own) return Foreign("Origin", "must be the page's own address");
  const std::string* const site = request.Header("sec-fetch-site");
  if (site != nullptr && *site != "same-origin")
    return Foreign("Sec-Fetch-Site", "must be same-origin");
  return absl::OkStatus();
}

}  // namespace edgetp
