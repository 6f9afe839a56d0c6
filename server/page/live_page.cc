#include "server/page/live_page.h"

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/report/page_assets.h"
#include "common/report/report_document.h"
#include "common/rpc/digest.h"
#include "server/page/page_assets.h"
#include "server/page/page_rules.h"
#include "server/page/tuning_words.h"

namespace edgetp {
namespace {

using nlohmann::json;

constexpr char kJsonType[] = "application/json";

// The hash is of the one style element that Observable Plot puts into each of its charts; the
// browser test finds out if another version has another one.
constexpr char kPolicy[] =
    "default-src 'none'; script-src 'self'; "
    "style-src 'self' 'sha256-jSYQUrW7J0b3jPqhZP9C2Xh1PyJKHKXd4s0fpGGKrww='; "
    "img-src data: blob:; connect-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'";

const std::vector<std::pair<std::string, std::string>>& CommonHeaders() {
  static const auto* const headers = new std::vector<std::pair<std::string, std::string>>{
      {"Content-Security-Policy", kPolicy},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"},
      {"Referrer-Policy", "no-referrer"},
      {"X-Content-Type-Options", "nosniff"},
      {"X-Frame-Options", "DENY"}};
  return *headers;
}

HttpResponse Text(int status, const char* type, std::string text) {
  return {.status = status,
          .headers = {{"Content-Type", absl::StrCat(type, "; charset=utf-8")}},
          .body = std::make_shared<const std::string>(std::move(text))};
}

int HttpStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kUnauthenticated:
      return 401;
    case absl::StatusCode::kPermissionDenied:
      return 403;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kFailedPrecondition:
      return 409;
    case absl::StatusCode::kResourceExhausted:
      return 429;
    case absl::StatusCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

HttpResponse Refuse(const absl::Status& status) {
  const json error = {{"error", std::string(status.message())}};
  HttpResponse response = Text(HttpStatusOf(status), kJsonType, ToText(error));
  if (response.status == 401)
    response.headers.emplace_back("WWW-Authenticate", absl::StrCat(kTokenKey, " realm=\"edgetp\""));
  return response;
}

// With the text's tag, unless the browser has that text already.
HttpResponse Tagged(const HttpRequest& request, const char* type, const std::string& tag,
                    std::shared_ptr<const std::string> text) {
  const std::string quoted = absl::StrCat("\"", tag, "\"");
  HttpResponse response;
  response.headers = {{"Content-Type", absl::StrCat(type, "; charset=utf-8")}, {"ETag", quoted}};
  const std::string* const known = request.Header("if-none-match");
  if (known != nullptr && *known == quoted) {
    response.status = 304;
  } else {
    response.body = std::move(text);
  }
  return response;
}

bool IsRead(const std::string& method) { return method == "GET" || method == "HEAD"; }

}  // namespace

// A file of the page, the same for everybody.
struct LivePage::Asset {
  const char* type;
  std::shared_ptr<const std::string> text;
  std::string tag;

  Asset(const char* content_type, const char* content)
      : type(content_type),
        text(std::make_shared<const std::string>(content)),
        tag(Sha256Hex(*text).substr(0, 16)) {}
};

struct LivePage::Route {
  const char* path;
  std::shared_ptr<const Asset> asset;  // null: `answer` does it, for who has the cluster's token
  HttpResponse (LivePage::*answer)(const HttpRequest&) = nullptr;
  bool changes = false;  // POST; else GET and HEAD
};

const std::vector<LivePage::Route>& LivePage::Routes() {
  const auto asset = [](const char* type, const char* text) {
    return std::make_shared<const Asset>(type, text);
  };
  static const auto* const routes = new std::vector<Route>{
      {"/", asset("text/html", kLiveFrame)},
      {"/report.css", asset("text/css", kPageStyle)},
      {"/live.css", asset("text/css", kLiveStyle)},
      {"/library.js", asset("text/javascript", kPageLibrary)},
      {"/report.js", asset("text/javascript", kPageScript)},
      {"/live.js", asset("text/javascript", kLiveScript)},
      {"/licences.txt", asset("text/plain", kPageLicences)},
      {"/api/state", nullptr, &LivePage::State},
      {"/api/report", nullptr, &LivePage::Report},
      {"/api/network", nullptr, &LivePage::SetNetwork, /*changes=*/true},
  };
  return *routes;
}

LivePage::LivePage(PageOptions options, PageSources sources)
    : options_(std::move(options)), sources_(std::move(sources)), report_(options_.runs) {}

HttpResponse LivePage::Answer(const HttpRequest& request) {
  const std::vector<Route>& routes = Routes();
  const auto route = std::find_if(routes.begin(), routes.end(),
                                  [&](const Route& each) { return each.path == request.path; });
  const absl::Status host = CheckHost(request, options_.hosts);
  HttpResponse response =
      !host.ok() ? Refuse(host)
      : route == routes.end()
          ? Refuse(absl::NotFoundError("there is nothing here; the page is at /"))
          : AnswerRoute(*route, request);
  response.headers.insert(response.headers.end(), CommonHeaders().begin(), CommonHeaders().end());
  // A browser may keep a file, and asks whether it is still the same.
  const bool keeps = response.status < 400 && route->asset != nullptr;
  response.headers.emplace_back("Cache-Control", keeps ? "no-cache" : "no-store");
  return response;
}

HttpResponse LivePage::AnswerRoute(const Route& route, const HttpRequest& request) {
  const bool fits = route.changes ? request.method == "POST" : IsRead(request.method);
  if (!fits) {
    const char* const allowed = route.changes ? "POST" : "GET, HEAD";
    HttpResponse response =
        Text(405, kJsonType, json({{"error", absl::StrCat("the method must be ", allowed)}}).dump());
    response.headers.emplace_back("Allow", allowed);
    return response;
  }
  if (route.asset != nullptr)
    return Tagged(request, route.asset->type, route.asset->tag, route.asset->text);
  const absl::Status admitted = options_.security.AdmitToken(request.Header(kTokenKey));
  return admitted.ok() ? (this->*route.answer)(request) : Refuse(admitted);
}

HttpResponse LivePage::State(const HttpRequest&) {
  json state = PictureJson(sources_.picture());
  state["tuning"] = options_.allow_tuning;
  if (options_.allow_tuning) state["presets"] = options_.library.Names(ConfigKind::kNetwork);
  return Text(200, kJsonType, ToText(state));
}

HttpResponse LivePage::Report(const HttpRequest& request) {
  const LiveReport::Text text = report_.Of(sources_.picture().status);
  return Tagged(request, kJsonType, text.tag, text.json);
}

absl::StatusOr<v1::NetworkProfile> LivePage::ChangeNetwork(const HttpRequest& request) {
  RETURN_IF_ERROR(CheckOwnOrigin(request));
  if (!options_.allow_tuning) {
    return absl::PermissionDeniedError(
        "this page only shows: start the server with --allow_tuning, or use `edgetp network set`");
  }
  const std::string* const type = request.Header("content-type");
  if (type == nullptr || *type != kJsonType)
    return absl::InvalidArgumentError(absl::StrCat("Content-Type: must be ", kJsonType));
  ASSIGN_OR_RETURN(const NetworkWords words, ParseTuningWords(request.body));
  RETURN_IF_ERROR(CheckIsPreset(words.name, options_.library));
  ASSIGN_OR_RETURN(const v1::SetNetworkRequest change,
                   ToSetNetworkRequest(words, options_.library));
  return sources_.set_network(change);
}

HttpResponse LivePage::SetNetwork(const HttpRequest& request) {
  const auto network = ChangeNetwork(request);
  if (!network.ok()) return Refuse(network.status());
  return Text(200, kJsonType, json({{"network", network->name()}}).dump());
}

}  // namespace edgetp
