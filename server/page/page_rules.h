// Whose requests the live page answers. A browser sends requests for any site that its user looks
// at, also to this machine; these rules tell them from the page's own. Pure.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/http/http_server.h"

namespace edgetp {

// The header of every request that changes something: a page of another site cannot send it without
// asking first (a CORS preflight), which is answered with no.
inline constexpr char kIntentHeader[] = "edgetp-intent";

// An attacker's domain can be made to lead to 127.0.0.1 (DNS rebinding), and its pages would then
// count as ours. So the name in the address bar must be an IP address, localhost, or in `hosts`.
// Errors: InvalidArgument without a Host header; PermissionDenied.
absl::Status CheckHost(const HttpRequest& request, const std::vector<std::string>& hosts);

// Of a request that changes something: it comes from the page itself.
// Errors: PermissionDenied, naming the header that says otherwise.
absl::Status CheckOwnOrigin(const HttpRequest& request);

}  // namespace edgetp
