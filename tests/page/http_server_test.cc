#include "common/http/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <list>

#include "absl/strings/str_cat.h"

namespace edgetp {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// A connection that sends what it is told.
class Client {
 public:
  explicit Client(const std::string& address) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in target = {};
    target.sin_family = AF_INET;
    target.sin_port =
        htons(static_cast<uint16_t>(std::atoi(address.c_str() + address.rfind(':') + 1)));
    inet_pton(AF_INET, "127.0.0.1", &target.sin_addr);
    EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&target), sizeof(target)), 0);
  }
  ~Client() { close(socket_); }
  Client(const Client&) = delete;

  void Send(const std::string& text) const {
    EXPECT_EQ(send(socket_, text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  // Until the server hangs up, at most 20 s.
  std::string Receive() const {
    const timeval limit = {.tv_sec = 20, .tv_usec = 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    std::string all;
    char piece[4096];
    for (ssize_t got = 0; (got = recv(socket_, piece, sizeof(piece), 0)) > 0;)
      all.append(piece, static_cast<size_t>(got));
    return all;
  }

 private:
  const int socket_;
};

class HttpServerTest : public ::testing::Test {
 protected:
  void Start(HttpServer::Handler handler, const HttpLimits& limits = {}) {
    auto server = HttpServer::Create("127.0.0.1:0", std::move(handler), limits);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }
  std::string Ask(const std::string& request) const {
    const Client client(server_->address());
    client.Send(request);
    return client.Receive();
  }

  static HttpResponse Echo(const HttpRequest& request) {
    const std::string* const given = request.Header("x-word");
    return {.headers = {{"X-Seen", "yes"}},
            .body = std::make_shared<const std::string>(
                absl::StrCat(request.method, " ", request.path, " ",
                             given == nullptr ? "-" : *given, " ", request.body))};
  }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, TheHandlerSeesTheRequestAndItsAnswerIsSent) {
  Start(&Echo);
  const std::string answer =
      Ask("GET /a%20b?query=1 HTTP/1.1\r\nHost: localhost\r\nX-Word: hello\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("X-Seen: yes\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nGET /a b hello "));
}

TEST_F(HttpServerTest, ABodyIsRead) {
  Start(&Echo);
  EXPECT_THAT(Ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nwords"),
              HasSubstr("POST / - words"));
}

TEST_F(HttpServerTest, AHeadHasTheLengthAndNoBody) {
  Start(&Echo);
  const std::string answer = Ask("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 9\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(HttpServerTest, ALargeBodyIsRefusedAndNotRead) {
  Start(&Echo, {.max_body_bytes = 8});
  const std::string answer =
      Ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123456789");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer, HasSubstr("at most 8"));
}

TEST_F(HttpServerTest, ABodyWithoutItsLengthIsRefused) {
  Start(&Echo);
  EXPECT_THAT(Ask("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 411 "));
}

TEST_F(HttpServerTest, MuchHeadEndsTheConnection) {
  std::atomic<int> calls = 0;
  Start(
      [&calls](const HttpRequest& request) {
        ++calls;
        return Echo(request);
      },
      {.max_head_bytes = 2048});
  Ask("GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(4000, 'x') + "\r\n\r\n");
  EXPECT_EQ(calls, 0);
}

TEST_F(HttpServerTest, ClientsThatSayNothingLeaveRoomForOthersAndAreHungUpOn) {
  Start(&Echo, {.threads = 2, .patience = absl::Milliseconds(200)});
  std::list<Client> silent;
  for (int i = 0; i < 6; ++i) silent.emplace_back(server_->address());
  silent.front().Send("GET / HT");
  EXPECT_THAT(Ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("GET / -"));
  for (const Client& client : silent) client.Receive();  // ends
}

TEST_F(HttpServerTest, AClientThatDoesNotReadIsCutOff) {
  const auto large = std::make_shared<const std::string>(64 << 20, 'x');
  Start([&large](const HttpRequest&) { return HttpResponse{.body = large}; },
        {.threads = 1, .patience = absl::Milliseconds(200)});
  const Client slow(server_->address());
  slow.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  // The only thread is free again once the slow one has been given up.
  EXPECT_THAT(Ask("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 200 OK"));
}

TEST_F(HttpServerTest, ItEndsAlthoughAClientIsConnected) {
  Start(&Echo);
  const Client silent(server_->address());
  // Who was answered came later, so a thread has the silent one: CivetWeb forgets whom none has yet.
  Ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  server_.reset();
  EXPECT_EQ(silent.Receive(), "");
}

TEST_F(HttpServerTest, APortInUseIsNamed) {
  Start(&Echo);
  const auto second = HttpServer::Create(server_->address(), &Echo);
  EXPECT_TRUE(absl::IsUnavailable(second.status()));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(server_->address()));
}

}  // namespace
}  // namespace edgetp
