#include "server/page/live_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/strings/str_cat.h"
#include "server/page/page_rules.h"

namespace edgetp {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kToken[] = "0123456789abcdef0123456789abcdef";

std::string HeaderOf(const HttpResponse& response, const std::string& name) {
  for (const auto& [each, value] : response.headers) {
    if (each == name) return value;
  }
  return "";
}

std::string ErrorOf(const HttpResponse& response) {
  return json::parse(*response.body)["error"].get<std::string>();
}

class LivePageTest : public ::testing::Test {
 protected:
  LivePage Page(bool allow_tuning, std::vector<std::string> hosts = {},
                const Security& security = {}) {
    return LivePage({.hosts = std::move(hosts),
                     .allow_tuning = allow_tuning,
                     .security = security,
                     .runs = ::testing::TempDir() + "/no_runs",
                     .library = ConfigLibrary({configs_})},
                    {.picture =
                         [] {
                           ClusterPicture picture;
                           picture.status.set_version("1.2.3");
                           picture.network.set_name("wifi-5");
                           return picture;
                         },
                     .set_network =
                         [this](const v1::SetNetworkRequest& request) {
                           asked_ = request;
                           return outcome_;
                         }});
  }

  static HttpRequest Get(const std::string& path) {
    return {.method = "GET", .path = path, .headers = {{"host", "127.0.0.1:8080"}}};
  }
  // As the page's own script sends it.
  static HttpRequest Tune(const json& words) {
    return {.method = "POST",
            .path = "/api/network",
            .headers = {{"host", "127.0.0.1:8080"},
                        {"origin", "http://127.0.0.1:8080"},
                        {"sec-fetch-site", "same-origin"},
                        {"content-type", "application/json"},
                        {kIntentHeader, "tune"}},
            .body = words.dump()};
  }
  // Of a refused change: nothing reached the cluster.
  void ExpectRefused(LivePage& page, const HttpRequest& request, int status,
                     const std::string& rule) {
    const HttpResponse response = page.Answer(request);
    EXPECT_EQ(response.status, status);
    EXPECT_THAT(ErrorOf(response), HasSubstr(rule));
    EXPECT_FALSE(asked_.has_value());
  }

  const std::string configs_ = absl::StrCat(EDGETP_SOURCE_DIR, "/configs");
  std::optional<v1::SetNetworkRequest> asked_;
  absl::StatusOr<v1::NetworkProfile> outcome_ = [] {
    v1::NetworkProfile network;
    network.set_name("lte");
    return network;
  }();
};

TEST_F(LivePageTest, TheFrameAndItsFilesAreServed) {
  LivePage page = Page(false);
  for (const auto& [path, type] :
       std::map<std::string, std::string>{{"/", "text/html; charset=utf-8"},
                                          {"/report.css", "text/css; charset=utf-8"},
                                          {"/library.js", "text/javascript; charset=utf-8"},
                                          {"/report.js", "text/javascript; charset=utf-8"},
                                          {"/live.js", "text/javascript; charset=utf-8"},
                                          {"/licences.txt", "text/plain; charset=utf-8"}}) {
    const HttpResponse response = page.Answer(Get(path));
    EXPECT_EQ(response.status, 200) << path;
    EXPECT_EQ(HeaderOf(response, "Content-Type"), type);
    EXPECT_GT(response.body->size(), 100u) << path;
  }
}

TEST_F(LivePageTest, EveryAnswerHasTheHeadersThatTieABrowsersHands) {
  LivePage page = Page(false);
  for (const char* path : {"/", "/api/state", "/nothing", "/report.js"}) {
    const HttpResponse response = page.Answer(Get(path));
    const std::string policy = HeaderOf(response, "Content-Security-Policy");
    EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
    EXPECT_THAT(policy, HasSubstr("script-src 'self';"));
    EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
    EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
    EXPECT_EQ(HeaderOf(response, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(HeaderOf(response, "X-Frame-Options"), "DENY");
    EXPECT_EQ(HeaderOf(response, "Cross-Origin-Resource-Policy"), "same-origin");
    EXPECT_EQ(HeaderOf(response, "Access-Control-Allow-Origin"), "");
    EXPECT_EQ(HeaderOf(response, "Set-Cookie"), "");
  }
  EXPECT_EQ(HeaderOf(page.Answer(Get("/api/state")), "Cache-Control"), "no-store");
}

TEST_F(LivePageTest, TheFrameHasNothingInline) {
  const std::string frame = *Page(false).Answer(Get("/")).body;
  EXPECT_THAT(frame, Not(HasSubstr("<style")));
  EXPECT_THAT(frame, Not(HasSubstr("<script>")));
  EXPECT_THAT(frame, Not(HasSubstr("style=")));
  EXPECT_THAT(frame, Not(HasSubstr("onload")));
}

TEST_F(LivePageTest, WhatIsNotThereIs404) {
  for (const char* path : {"/nothing", "/api", "/../etc/passwd", ""}) {
    EXPECT_EQ(Page(false).Answer(Get(path)).status, 404) << path;
  }
}

TEST_F(LivePageTest, AnotherMethodIs405AndSaysWhichFits) {
  LivePage page = Page(true);
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
    HttpRequest request = Get("/api/state");
    request.method = method;
    const HttpResponse response = page.Answer(request);
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(HeaderOf(response, "Allow"), "GET, HEAD");
  }
  const HttpResponse response = page.Answer(Get("/api/network"));
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(HeaderOf(response, "Allow"), "POST");
}

TEST_F(LivePageTest, APreflightOfAnotherSiteGetsNoLeave) {
  HttpRequest request = Tune({{"delay", "50ms"}});
  request.method = "OPTIONS";
  request.headers["origin"] = "http://evil.example";
  request.headers["access-control-request-method"] = "POST";
  const HttpResponse response = Page(true).Answer(request);
  EXPECT_EQ(response.status, 405);
  for (const auto& [name, value] : response.headers)
    EXPECT_THAT(name, Not(HasSubstr("Access-Control"))) << value;
}

TEST_F(LivePageTest, ADomainThatLeadsHereIsRefused) {
  LivePage page = Page(false, {"bench.lan"});
  for (const char* host : {"evil.example", "evil.example:8080", "127.0.0.1.evil.example", "",
                           "localhost.evil.example:80", "1", "0x7f.1", "[::1].evil.example"}) {
    HttpRequest request = Get("/api/state");
    request.headers["host"] = host;
    const HttpResponse response = page.Answer(request);
    EXPECT_EQ(response.status, 403) << host;
    EXPECT_THAT(ErrorOf(response), HasSubstr("--page_host")) << host;
  }
  for (const char* host : {"127.0.0.1", "127.0.0.1:8080", "localhost", "LOCALHOST:8080",
                           "[::1]:8080", "192.168.1.7:80", "bench.lan", "Bench.LAN:8080"}) {
    HttpRequest request = Get("/api/state");
    request.headers["host"] = host;
    EXPECT_EQ(page.Answer(request).status, 200) << host;
  }
  HttpRequest none = Get("/");
  none.headers.clear();
  EXPECT_EQ(page.Answer(none).status, 400);
}

TEST_F(LivePageTest, TheStateSaysWhatMayBeDone) {
  const json shows = json::parse(*Page(false).Answer(Get("/api/state")).body);
  EXPECT_EQ(shows["version"], "1.2.3");
  EXPECT_EQ(shows["network"]["name"], "wifi-5");
  EXPECT_EQ(shows["tuning"], false);
  EXPECT_FALSE(shows.contains("presets"));
  const json tunes = json::parse(*Page(true).Answer(Get("/api/state")).body);
  EXPECT_EQ(tunes["tuning"], true);
  EXPECT_THAT(tunes["presets"].dump(), HasSubstr("\"wifi-5\""));
}

TEST_F(LivePageTest, WhatABrowserHasIsNotSentAgain) {
  LivePage page = Page(false);
  for (const char* path : {"/library.js", "/api/report"}) {
    HttpRequest request = Get(path);
    const HttpResponse first = page.Answer(request);
    EXPECT_EQ(first.status, 200);
    request.headers["if-none-match"] = HeaderOf(first, "ETag");
    const HttpResponse second = page.Answer(request);
    EXPECT_EQ(second.status, 304) << path;
    EXPECT_EQ(second.body, nullptr);
  }
}

TEST_F(LivePageTest, AChangeReachesTheClusterAsTheCommandLinesWould) {
  LivePage page = Page(true);
  const HttpResponse response = page.Answer(
      Tune({{"name", ""}, {"link", "0:1"}, {"delay", "50ms"}, {"rate", ""}, {"for", "10s"}}));
  EXPECT_EQ(response.status, 200) << *response.body;
  EXPECT_EQ(json::parse(*response.body)["network"], "lte");
  ASSERT_TRUE(asked_.has_value());
  EXPECT_FALSE(asked_->has_network());
  EXPECT_EQ(asked_->for_seconds(), 10);
  ASSERT_EQ(asked_->patch().links_size(), 1);
  EXPECT_EQ(asked_->patch().links(0).source(), 0);
  EXPECT_EQ(asked_->patch().links(0).link().delay_us(), 50'000);
  EXPECT_FALSE(asked_->patch().links(0).link().has_rate_bits_per_second());
}

TEST_F(LivePageTest, AProfileIsReplacedByItsName) {
  LivePage page = Page(true);
  EXPECT_EQ(page.Answer(Tune({{"name", "wifi-5"}})).status, 200);
  ASSERT_TRUE(asked_.has_value());
  EXPECT_EQ(asked_->network().name(), "wifi-5");
}

TEST_F(LivePageTest, WithoutLeaveNothingIsChanged) {
  LivePage page = Page(false);
  ExpectRefused(page, Tune({{"delay", "50ms"}}), 403, "--allow_tuning");
}

TEST_F(LivePageTest, ARequestOfAnotherSiteChangesNothing) {
  LivePage page = Page(true);
  HttpRequest no_intent = Tune({{"delay", "50ms"}});
  no_intent.headers.erase(kIntentHeader);
  ExpectRefused(page, no_intent, 403, kIntentHeader);
  HttpRequest no_origin = Tune({{"delay", "50ms"}});
  no_origin.headers.erase("origin");
  ExpectRefused(page, no_origin, 403, "Origin");
  for (const char* origin : {"http://evil.example", "null", "file://",
                             "http://127.0.0.1:80801", "http://127.0.0.1"}) {
    HttpRequest foreign = Tune({{"delay", "50ms"}});
    foreign.headers["origin"] = origin;
    ExpectRefused(page, foreign, 403, "Origin");
  }
  HttpRequest site = Tune({{"delay", "50ms"}});
  site.headers["sec-fetch-site"] = "cross-site";
  ExpectRefused(page, site, 403, "Sec-Fetch-Site");
  HttpRequest form = Tune({{"delay", "50ms"}});
  form.headers["content-type"] = "text/plain";
  ExpectRefused(page, form, 400, "Content-Type");
}

TEST_F(LivePageTest, BadValuesGetTheCommandLinesWords) {
  LivePage page = Page(true);
  ExpectRefused(page, Tune({{"delay", "soon"}}), 400, "--delay: ");
  ExpectRefused(page, Tune({{"rate", "20"}}), 400, "--rate: ");
  ExpectRefused(page, Tune({{"loss", "200%"}}), 400, "--loss: ");
  ExpectRefused(page, Tune({{"delay", "1ms"}, {"link", "0"}}), 400, "--link 0: ");
  ExpectRefused(page, Tune({{"partition", "x"}}), 400, "--partition: ");
  ExpectRefused(page, Tune({{"delay", "1ms"}, {"for", "long"}}), 400, "--for");
  ExpectRefused(page, Tune(json::object()), 400, "network set: give");
  ExpectRefused(page, Tune({{"dealy", "1ms"}}), 400, "did you mean \"delay\"?");
  ExpectRefused(page, Tune({{"delay", 5}}), 400, "delay: must be a string");
  ExpectRefused(page, Tune(json::array()), 400, "must be one JSON object");
}

TEST_F(LivePageTest, AFormNamesNoFileOfTheServersHost) {
  const std::string path = ::testing::TempDir() + "/mine.textproto";
  std::ofstream(path) << "name: \"mine\"\nlink { delay_us: 1 }\n";
  LivePage page = Page(true);
  ExpectRefused(page, Tune({{"name", path}}), 400, "no such profile");
  ExpectRefused(page, Tune({{"name", "../devices/cpu"}}), 400, "no such profile");
}

TEST_F(LivePageTest, WhatTheClusterRefusesIsToldAsItSaysIt) {
  LivePage page = Page(true);
  outcome_ = absl::FailedPreconditionError("network: for_seconds: no run is active");
  const HttpResponse response = page.Answer(Tune({{"delay", "50ms"}, {"for", "1s"}}));
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(ErrorOf(response), "network: for_seconds: no run is active");
}

TEST_F(LivePageTest, AClusterWithATokenShowsNothingWithoutIt) {
  const std::string file = ::testing::TempDir() + "/page_token";
  std::ofstream(file) << kToken << "\n";
  const auto security = Security::Load({.token_file = file}, Role::kServer);
  ASSERT_TRUE(security.ok()) << security.status();
  LivePage page = Page(true, {}, *security);
  EXPECT_EQ(page.Answer(Get("/")).status, 200);
  for (const char* path : {"/api/state", "/api/report"}) {
    HttpRequest request = Get(path);
    EXPECT_EQ(page.Answer(request).status, 401);
    request.headers[kTokenKey] = "wrong";
    EXPECT_EQ(page.Answer(request).status, 401);
    request.headers[kTokenKey] = kToken;
    EXPECT_EQ(page.Answer(request).status, 200);
  }
  ExpectRefused(page, Tune({{"delay", "50ms"}}), 401, "token");
  HttpRequest request = Tune({{"delay", "50ms"}});
  request.headers[kTokenKey] = kToken;
  EXPECT_EQ(page.Answer(request).status, 200);
}

}  // namespace
}  // namespace edgetp
