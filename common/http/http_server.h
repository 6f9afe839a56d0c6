// A web server for a few people with browsers: plain HTTP/1.1 over IPv4, one answer for each
// connection. What an answer says is the handler's matter. Built on CivetWeb, which prometheus-cpp
// brings along.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace edgetp {

struct HttpRequest {
  std::string method;                          // "GET"
  std::string path;                            // "/api/state": decoded, without the query
  std::map<std::string, std::string> headers;  // by name in lower case; of several, the last
  std::string body;

  // Null: there is no such header. `name` in lower case.
  const std::string* Header(const std::string& name) const;
};

struct HttpResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  // besides length and connection
  std::shared_ptr<const std::string> body;                   // null: empty
};

struct HttpLimits {
  size_t max_body_bytes = 16 << 10;  // of a request; more is answered with 413 and not read
  size_t max_head_bytes = 16 << 10;  // of a request: more ends the connection
  // Requests that are answered at one time. So many slow clients keep others from the page, and
  // nobody from anything else: these threads do nothing but this, at a lower priority.
  int threads = 8;
  // To send the head of a request, to send its body, and to take the answer, each.
  absl::Duration patience = absl::Seconds(10);
};

class HttpServer {
 public:
  // Called on the server's threads, several at a time. Every request that is well-formed comes
  // here, whatever its method.
  using Handler = std::function<HttpResponse(const HttpRequest&)>;

  // `address`: "host:port"; port 0 takes a free one.
  // Errors: Unavailable if the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Create(const std::string& address,
                                                            Handler handler,
                                                            const HttpLimits& limits = {});
  // Blocks until: no handler runs and nothing listens any more. Slow clients are cut off.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;

  // "host:port" with the port in use.
  const std::string& address() const { return address_; }

 private:
  struct Parts;
  HttpServer(std::unique_ptr<Parts> parts, std::string address);

  std::unique_ptr<Parts> parts_;
  std::string address_;
};

}  // namespace edgetp
