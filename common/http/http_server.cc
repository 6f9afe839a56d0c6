#include "common/http/http_server.h"

#include <civetweb.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/http/quick_stop.h"

namespace edgetp {
namespace {

// Below the training of workers on the same host.
constexpr int kNice = 5;
// Between two looks at the clock while an answer is written.
constexpr size_t kPieceBytes = 4 << 10;

// CivetWeb's options by name, as it wants them.
class Options {
 public:
  void Set(const char* name, std::string value) {
    names_.push_back(name);
    values_.push_back(std::move(value));
  }
  std::vector<const char*> List() const {
    std::vector<const char*> list;
    for (size_t i = 0; i < names_.size(); ++i)
      list.insert(list.end(), {names_[i], values_[i].c_str()});
    list.push_back(nullptr);
    return list;
  }

 private:
  std::vector<const char*> names_;
  std::vector<std::string> values_;
};

HttpResponse Plain(int status, const std::string& text) {
  return {.status = status,
          .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
          .body = std::make_shared<const std::string>(text + "\n")};
}

HttpRequest HeadOf(const mg_request_info& info) {
  HttpRequest request;
  request.method = info.request_method;
  request.path = info.local_uri == nullptr ? "" : info.local_uri;
  for (int i = 0; i < info.num_headers; ++i)
    request.headers[absl::AsciiStrToLower(info.http_headers[i].name)] = info.http_headers[i].value;
  return request;
}

// Whether the body came whole and in time.
bool ReadBody(mg_connection* connection, size_t bytes, absl::Time deadline, std::string* body) {
  body->resize(bytes);
  for (size_t done = 0; done < bytes;) {
    const int got = mg_read(connection, body->data() + done, bytes - done);
    if (got <= 0 || MonotonicNow() > deadline) return false;
    done += static_cast<size_t>(got);
  }
  return true;
}

// Gives up on a client that takes the answer too slowly.
void Write(mg_connection* connection, const std::string& text, absl::Time deadline) {
  for (size_t done = 0; done < text.size() && MonotonicNow() <= deadline;) {
    const size_t piece = std::min(kPieceBytes, text.size() - done);
    if (mg_write(connection, text.data() + done, piece) <= 0) return;
    done += piece;
  }
}

void Respond(mg_connection* connection, const HttpResponse& response, bool with_body,
             absl::Duration patience) {
  const size_t bytes = response.body == nullptr ? 0 : response.body->size();
  std::string head = absl::StrCat("HTTP/1.1 ", response.status, " ",
                                  mg_get_response_code_text(connection, response.status), "\r\n");
  for (const auto& [name, value] : response.headers)
    absl::StrAppend(&head, name, ": ", value, "\r\n");
  // 304 has no body, and no length of one.
  if (response.status != 304) absl::StrAppend(&head, "Content-Length: ", bytes, "\r\n");
  absl::StrAppend(&head, "Connection: close\r\n\r\n");
  const absl::Time deadline = MonotonicNow() + patience;
  Write(connection, head, deadline);
  if (with_body && bytes > 0) Write(connection, *response.body, deadline);
}

}  // namespace

struct HttpServer::Parts {
  Handler handler;
  HttpLimits limits;
  mg_context* context = nullptr;

  HttpResponse Answer(mg_connection* connection, HttpRequest request, long long body_bytes) const;
  static int OnRequest(mg_connection* connection);
  static void* OnThread(const mg_context* context, int type);
};

HttpResponse HttpServer::Parts::Answer(mg_connection* connection, HttpRequest request,
                                       long long body_bytes) const {
  if (request.method == "GET" || request.method == "HEAD") return handler(request);
  // Without a length: a body in chunks, or none.
  if (body_bytes < 0 && request.Header("transfer-encoding") != nullptr)
    return Plain(411, "a body needs its length: Content-Length");
  const auto bytes = static_cast<size_t>(std::max(body_bytes, 0LL));
  if (bytes > limits.max_body_bytes)
    return Plain(413, absl::StrCat("the body has ", bytes, " bytes, at most ",
                                   limits.max_body_bytes, " are read"));
  if (!ReadBody(connection, bytes, MonotonicNow() + limits.patience, &request.body))
    return Plain(408, "the body did not come");
  return handler(request);
}

// CivetWeb's callback for every request. Returns the status, which means that it was answered.
int HttpServer::Parts::OnRequest(mg_connection* connection) {
  const auto* const parts = static_cast<const Parts*>(mg_get_user_data(mg_get_context(connection)));
  const mg_request_info* const info = mg_get_request_info(connection);
  HttpRequest request = HeadOf(*info);
  const bool with_body = request.method != "HEAD";
  const HttpResponse response = parts->Answer(connection, std::move(request), info->content_length);
  Respond(connection, response, with_body, parts->limits.patience);
  return response.status;
}

void* HttpServer::Parts::OnThread(const mg_context*, int) {
  // Of this thread alone. Where it is refused, the page competes with the workers.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
  return nullptr;
}

const std::string* HttpRequest::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? nullptr : &found->second;
}

HttpServer::HttpServer(std::unique_ptr<Parts> parts, std::string address)
    : parts_(std::move(parts)), address_(std::move(address)) {}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Create(const std::string& address,
                                                               Handler handler,
                                                               const HttpLimits& limits) {
  auto parts = std::make_unique<Parts>();
  parts->handler = std::move(handler);
  parts->limits = limits;
  mg_callbacks callbacks = {};
  callbacks.begin_request = &Parts::OnRequest;
  callbacks.init_thread = &Parts::OnThread;
  // What browsers do is nothing for our log.
  callbacks.log_message = [](const mg_connection*, const char*) { return 1; };
  Options options;
  options.Set("listening_ports", address);
  options.Set("num_threads", absl::StrCat(limits.threads));
  options.Set("request_timeout_ms", absl::StrCat(absl::ToInt64Milliseconds(limits.patience)));
  options.Set("max_request_size", absl::StrCat(limits.max_head_bytes));
  options.Set("enable_keep_alive", "no");  // an idle browser would hold a thread
  parts->context = mg_start(&callbacks, parts.get(), options.List().data());
  mg_server_port port = {};
  if (parts->context == nullptr || mg_get_server_ports(parts->context, 1, &port) != 1) {
    if (parts->context != nullptr) mg_stop(parts->context);
    return absl::UnavailableError(absl::StrCat(
        "cannot listen on ", address, ": the port is in use or the address is not this host's"));
  }
  const std::string host = address.substr(0, address.rfind(':'));
  return std::unique_ptr<HttpServer>(
      new HttpServer(std::move(parts), absl::StrCat(host, ":", port.port)));
}

HttpServer::~HttpServer() {
  StopWithVisits(address_, [this] { mg_stop(parts_->context); });
}

}  // namespace edgetp
